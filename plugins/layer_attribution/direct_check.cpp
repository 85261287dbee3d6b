#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "analysis.hpp"
#include "targets.hpp"

// Receipts of the direct attribution: it is compared with the stream and the logits of the model.

namespace lensbench::attribution {
namespace {

/// The model applies the cap to its logits; the attribution is before it.
double softcapped(double logit, double cap) {
  return cap == 0.0 ? logit : cap * std::tanh(logit / cap);
}

/// A forward with logits at the last position. It runs the last block only, from the stream as the
/// block before it leaves it, so that interventions in the last block act once.
ForwardOutput forward_again(const Model& model, const Tokens& tokens, const Analysis& analysis) {
  const std::int64_t last = analysis.spec.n_layers - 1;
  ForwardOptions whole, part;
  whole.logits = part.logits = ForwardOptions::Logits::last;
  if (last == 0) return model.forward(make_batch(tokens), whole);
  part.start_at_layer = last;
  part.residual = analysis.cache[residual_hook(analysis.spec, last)].unsqueeze(0);
  try {
    return model.forward(make_batch(tokens), part);
  } catch (const UsageError&) {
    // A model with a `freeze` intervention cannot start from a residual.
    return model.forward(make_batch(tokens), whole);
  }
}

/// Logits [vocab] of the model at the chosen position.
at::Tensor model_logits(const Model& model, const Tokens& tokens, const Analysis& analysis) {
  const ForwardOutput output = forward_again(model, tokens, analysis);
  // The forward has logits at the last position only; other positions are unembedded from the
  // stream.
  if (analysis.position + 1 == tokens.size()) return output.logits[0][0];
  return model.unembed(model.final_norm(output.residual[0].narrow(0, analysis.position, 1)))[0];
}

/// Largest difference at one token between logits computed here and those of the model, relative to
/// the size of the summed products.
double model_difference(const Model& model, const Tokens& tokens, const Analysis& analysis) {
  const Unembedding& unembedding = model.unembedding();
  const at::Tensor normalized =
      model.final_norm(analysis.final_residual.narrow(0, analysis.position, 1));
  const at::Tensor logits = model_logits(model, tokens, analysis);
  double largest = 0.0;
  for (const at::Tensor& ids : {analysis.target_ids, analysis.versus_ids}) {
    if (!ids.defined()) continue;
    const at::Tensor id = ids.narrow(0, analysis.position, 1);
    const double ours = softcapped(read_logit(unembedding, normalized, id, {}).item<double>(),
                                   unembedding.logit_softcap);
    const double theirs = logits[id.item<std::int64_t>()].item<double>();
    const double size = logit_size(unembedding, normalized, id).item<double>();
    largest = std::max(largest, std::abs(ours - theirs) / std::max(size, 1e-30));
  }
  return largest;
}

}  // namespace

double largest_ratio(const at::Tensor& difference, const at::Tensor& size) {
  return (difference.abs() / size.clamp_min(1e-30)).max().item<double>();
}

void check_direct(const Model& model, const Tokens& tokens, Analysis& analysis,
                  const at::Tensor& sum_residual) {
  const auto terms = static_cast<double>(analysis.parts.labels.size());
  // Half a unit in the last place for each rounding.
  const double half = analysis.rounding / 2;
  analysis.receipts.push_back(make_receipt(
      "components_sum_to_residual_stream", analysis.parts.stream_residual, terms * half,
      "relative to the sum of absolute values; one rounding for each addition"));
  const at::Tensor size =
      analysis.parts.size + analysis.direction.norm_size + analysis.direction.bias.abs();
  const double sums = std::log2(static_cast<double>(analysis.spec.d_model));
  analysis.receipts.push_back(make_receipt(
      "direct_attribution_sums_to_logit", largest_ratio(sum_residual, size),
      (terms + 8 + sums) * half,
      "relative to the size of the terms that are summed, what the final norm reads included; one "
      "rounding for each addition to the stream, eight for the norm and log2(d_model) for its mean "
      "and its variance"));
  // The model sums d_model products in its own order and precision.
  analysis.receipts.push_back(make_receipt("target_logit_equals_model",
                                           model_difference(model, tokens, analysis),
                                           16 * analysis.rounding + 1e-6,
                                           "at the chosen position, with a forward of the last "
                                           "block; relative to the size of the summed "
                                           "products"));
}

}  // namespace lensbench::attribution
