#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <lensbench/activation_cache.hpp>
#include <map>
#include <optional>

#include "receipts.hpp"

namespace lensbench::paths {
namespace {

/// Cache with the outputs of all senders and the scale of the final norm at the metric's position.
ActivationCache cache_of(const Model& model, const Tokens& tokens, bool at_the_end) {
  // Only what senders write and what the final norm divides by; keys and values are not needed.
  // The first are the embeddings that the model has: of tokens, pictures and positions.
  std::vector<std::string> names = {"hook_*embed", "blocks.*.hook_attn_out",
                                    "blocks.*.hook_mlp_out", "blocks.*.attn.hook_z",
                                    "blocks.*.hook_resid_pre"};
  if (model.spec().final_norm) names.emplace_back("ln_final.hook_scale");
  ForwardOptions options;
  // Logits at the last position alone, if that is the one of the metric.
  options.logits = at_the_end ? ForwardOptions::Logits::last : ForwardOptions::Logits::all;
  return run_with_cache(model, make_batch(tokens), names, options).cache;
}

/// Outputs of all senders at one position, by label.
std::map<std::string, at::Tensor> outputs_of(const ActivationCache& cache, bool by_head,
                                             const Slice& position) {
  std::map<std::string, at::Tensor> outputs;
  const auto add = [&](const LabelledStack& stack) {
    for (std::size_t i = 0; i < stack.labels.size(); ++i)
      outputs[stack.labels[i]] = stack.values[static_cast<std::int64_t>(i)];
  };
  add(cache.decompose_resid({.pos_slice = position}));
  if (by_head) add(cache.stack_head_results({.pos_slice = position}));
  return outputs;
}

}  // namespace

/// Comparison of the effects with the direct logit attribution of every sender in both runs, at the
/// scale of the base run, through the activation cache.
Receipt frozen_norm_is_direct_attribution(const RunPair& pair, const Tokens& source,
                                          const std::vector<Sender>& senders,
                                          const MetricReader& reader, const at::Tensor& effects) {
  const Model& model = pair.model();
  const bool at_the_end = reader.position() + 1 == pair.tokens().size();
  // Both read one position; with a negative index it is also that of a scale of the last alone.
  const Slice position(reader.position() - pair.tokens().size());
  // Heads are senders only where the stream is a sum over heads.
  const bool by_head = model.spec().norm_placement == NormPlacement::before;
  const ActivationCache base = cache_of(model, pair.tokens(), at_the_end);
  const ActivationCache other = cache_of(model, source, at_the_end);
  const auto of_base = outputs_of(base, by_head, position);
  const auto of_source = outputs_of(other, by_head, position);
  // Both runs in one stack, so that both are divided by the same scale.
  std::vector<at::Tensor> rows;
  rows.reserve(2 * senders.size());
  for (const Sender& sender : senders) rows.push_back(of_base.at(sender.label));
  for (const Sender& sender : senders) rows.push_back(of_source.at(sender.label));
  std::optional<TokenSelection> versus;
  if (reader.versus()) versus = *reader.versus();
  // The scale is that of the base run in both.
  const at::Tensor parts =
      base.logit_attrs(at::stack(rows), reader.target(), versus, {.pos_slice = position})
          .to(at::kDouble)
          .flatten();
  const auto count = static_cast<std::int64_t>(senders.size());
  const at::Tensor expected = parts.narrow(0, count, count).sub(parts.narrow(0, 0, count));
  const double size = std::max(1.0, parts.abs().max().item<double>());
  return make_receipt("frozen_norm_effect_is_a_difference_of_attributions",
                      effects.sub(expected).abs().max().item<double>() / size,
                      rounding_tolerance(model),
                      "direct logit attributions of both runs by the activation cache, at the "
                      "base's scale; relative to the largest; order of rounding");
}

}  // namespace lensbench::paths
