#include "model/forward/prediction_head.hpp"

#include "model/forward/linear.hpp"
#include "model/forward/mlp.hpp"
#include "model/forward/norm.hpp"

namespace lensbench {

/// Dense layer and activation of a masked-language model; other models return x.
at::Tensor prediction_head_transform(const TransformerSpec& spec, const ModelWeights& weights,
                                     const at::Tensor& x) {
  if (!weights.prediction_head.weight.defined()) return x;
  return activate(spec.head_activation, linear(x, weights.prediction_head));
}

at::Tensor project_out(const ModelWeights& weights, const at::Tensor& x) {
  return weights.project_out.weight.defined() ? linear(x, weights.project_out) : x;
}

/// What the unembedding multiplies. Encoders normalise within their prediction head, decoders the
/// stream itself, and OPT-350m projects afterwards: one order serves all.
at::Tensor unembedding_input(const TransformerSpec& spec, const ModelWeights& weights,
                             const at::Tensor& residual) {
  at::Tensor x = prediction_head_transform(spec, weights, residual);
  if (spec.final_norm) x = apply_norm(spec.norm, weights.ln_final, x);
  return project_out(weights, x);
}

}  // namespace lensbench
