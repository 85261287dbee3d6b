#include "receipts.hpp"

#include <map>

namespace lensbench::patching {
namespace {

/// Activations of one run by hook name, without batch axis.
std::map<std::string, at::Tensor> read(const Model& model, const Tokens& tokens,
                                       const std::vector<std::string>& names) {
  std::map<std::string, at::Tensor> found;
  Hooks hooks;
  for (const std::string& name : names)
    hooks.read(name,
               [&](const at::Tensor& x, const HookPoint& point) { found[point.name] = x[0]; });
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  model.forward(make_batch(tokens), options, hooks);
  return found;
}

std::string in_block(std::int64_t block, const std::string& hook) {
  return "blocks." + std::to_string(block) + "." + hook;
}

}  // namespace

/// A head's z is its pattern times its values: writing both must give the same metric as writing z.
/// The receipt thus checks the order of hooks, the pattern's layout and the grouping of heads.
Receipt pattern_and_values_are_z(const SweepCheck& check, const Tokens& source) {
  const AttentionSpec& attention = check.model.spec().attention;
  const std::int64_t block = check.model.spec().n_layers / 2;
  const std::vector<std::string> hooks = {"attn.hook_pattern", "attn.hook_v", "attn.hook_z"};
  std::vector<std::string> names;
  for (const std::string& hook : hooks) names.push_back(in_block(block, hook));
  const auto values = read(check.model, source, names);
  // Query heads 0 to group - 1 share key-value head 0.
  const std::int64_t group = attention.n_heads / attention.n_key_value_heads;
  std::vector<std::int64_t> heads;
  for (std::int64_t head = 0; head < group; ++head) heads.push_back(head);
  // [head, query, key]
  const at::Tensor& pattern = values.at(names[0]);
  const SweepCell parts{{{hooks[0], block, {}, heads, pattern.narrow(0, 0, group)},
                         {hooks[1], block, {}, {0}, values.at(names[1]).narrow(1, 0, 1)}}};
  const SweepCell whole{{{hooks[2], block, {}, heads, values.at(names[2]).narrow(1, 0, group)}}};
  const auto run = [&](const SweepCell& cell) {
    return run_cell_alone(check.model, check.base, cell, check.metrics, check.options);
  };
  return make_receipt(
      "pattern_and_values_together_are_z", relative_difference(check, run(parts), run(whole)),
      rounding_tolerance(check.model),
      "the first heads of the middle block at all positions; relative to the gap or "
      "the largest metric; order of rounding");
}

}  // namespace lensbench::patching
