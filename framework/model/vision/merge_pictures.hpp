#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <vector>

#include "model/forward/kv_cache.hpp"
#include "model/weights/weights.hpp"

namespace lensbench {

/// Runs the vision tower over all pictures of a batch and puts its tokens in the place of the
/// embeddings of placeholders.
/// \param spans      columns of the pictures of each row
/// \param embedding  [batch, pos, d_model]; it is not changed
/// \return the same shape
/// \throws UsageError as `run_tower`
at::Tensor merge_pictures(const TransformerSpec& spec, const ModelWeights& weights,
                          const TokenBatch& tokens,
                          const std::vector<std::vector<PictureSpan>>& spans,
                          const at::Tensor& embedding);

}  // namespace lensbench
