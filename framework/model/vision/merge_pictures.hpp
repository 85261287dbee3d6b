#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/tokens.hpp>

#include "model/forward/forward_state.hpp"

namespace lensbench {

/// Runs the vision tower over all pictures of a batch and puts its tokens in the place of the
/// embeddings of placeholders.
/// \param embedding  [batch, pos, d_model]; it is not changed
/// \return the same shape
/// \throws UsageError as `run_tower`
at::Tensor merge_pictures(const ForwardState& state, const TokenBatch& tokens,
                          const at::Tensor& embedding);

}  // namespace lensbench
