#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <lensbench/tokens.hpp>
#include <vector>

namespace lensbench::tuned {

/// One affine map for each layer but the last: h becomes h + A h + b, in float32. It is 0 before
/// training, so that the decay of the optimiser pulls toward the logit lens.
struct Translators {
  at::Tensor weight;  ///< [layer, model_out, model_in]
  at::Tensor bias;    ///< [layer, model_out]

  static Translators zero(const TransformerSpec& spec);
  /// The stream of a layer, [row, d_model], translated; float32.
  at::Tensor apply(std::int64_t layer, const at::Tensor& stream) const;
};

/// Streams of a sequence at every layer, each [pos, d_model] in the model's type on the CPU, from
/// one forward without logits. \param rows  positions to keep; empty: all
std::vector<at::Tensor> read_streams(const Model& model, const Tokens& tokens,
                                     const std::vector<std::int64_t>& rows = {});

/// Rows as the unembedding takes them, float32 on the CPU. The graph is recorded if the gradient
/// mode is on.
at::Tensor normalised(const Model& model, const at::Tensor& rows);

}  // namespace lensbench::tuned
