#include "receipt.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

namespace lensbench::vision_lens {
namespace {

/// A forward with logits at the last position. It runs the last block only, so that interventions
/// in the last block act once.
ForwardOutput forward_again(const Model& model, const Tokens& tokens,
                            const at::Tensor& before_last) {
  ForwardOptions whole, part;
  whole.logits = part.logits = ForwardOptions::Logits::last;
  const TokenBatch batch = make_batch(tokens);
  if (!before_last.defined()) return model.forward(batch, whole);
  part.start_at_layer = model.spec().n_layers - 1;
  part.residual = before_last.unsqueeze(0);
  try {
    return model.forward(batch, part);
  } catch (const UsageError&) {
    // A model with a `freeze` intervention only runs from the tokens.
    return model.forward(batch, whole);
  }
}

}  // namespace

Receipt last_layer_receipt(const Model& model, const Tokens& tokens, const at::Tensor& before_last,
                           const Decoded& last) {
  const at::Tensor logits = forward_again(model, tokens, before_last)
                                .logits.reshape({-1})
                                .to(at::Device(at::kCPU), at::kDouble);
  const at::Tensor own = logits.log_softmax(0);
  const at::Tensor ids = last.top_ids.select(0, -1).reshape({-1});
  const at::Tensor listed = last.top_probabilities.select(0, -1).reshape({-1}).to(at::kDouble);
  const double probability = (listed - own.index_select(0, ids).exp()).abs().max().item<double>();
  const double entropy = std::abs(last.entropy.select(0, -1).item<double>() +
                                  (own.exp() * own).nan_to_num(0.0).sum().item<double>());
  const at::ScalarType type = model.unembedding().weight.scalar_type();
  const bool half = type == at::kHalf || type == at::kBFloat16;
  const double scale = std::max(1.0, logits.abs().max().item<double>());
  // `max` returns the first argument if the second is NaN; a sum keeps it.
  return make_receipt(
      "lens_last_layer_equals_logits", (probability + entropy) / scale, half ? 2e-2 : 2e-5,
      std::string("differences of probabilities and entropy at the last position, "
                  "relative to the largest logit; ") +
          (half ? "half-precision products round at 2^-8" : "two orders of summation in float32"));
}

}  // namespace lensbench::vision_lens
