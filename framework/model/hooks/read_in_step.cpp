#include "model/hooks/read_in_step.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

#include "model/hooks/hook_points.hpp"
#include "model/hooks/read_activations.hpp"

namespace lensbench {
namespace {

/// Part of a forward that reaches a hook point: -1 the embedding and the tower, 0 to n_layers - 1 a
/// block, n_layers the prediction head.
std::int64_t part_of(const TransformerSpec& spec, const PlacedPoint& placed) {
  if (placed.tower) return -1;
  if (placed.hook.layer >= 0) return placed.hook.layer;
  return placed.point < Point::resid_pre ? -1 : spec.n_layers;
}

/// Names by the part that reaches them.
std::map<std::int64_t, std::vector<std::string>> by_part(const TransformerSpec& spec,
                                                         const std::vector<std::string>& names) {
  std::map<std::string, std::int64_t> parts;
  for (const PlacedPoint& placed : placed_points(spec))
    parts[placed.hook.name] = part_of(spec, placed);
  std::map<std::int64_t, std::vector<std::string>> sorted;
  for (const std::string& name : names) {
    const auto found = parts.find(name);
    if (found == parts.end())
      throw UsageError("hook point '" + name + "': models of family '" + spec.family +
                       "' do not have it; lensbench list hooks --model DIR lists those they have");
    sorted[found->second].push_back(name);
  }
  return sorted;
}

/// Runs a part of the forward of a sequence. \param residual  input of the part; replaced by its
/// output
void run_part(const Model& model, const TokenBatch& tokens, ForwardOptions options,
              const std::vector<std::string>& names, at::Tensor& residual,
              std::map<std::string, at::Tensor>& activations) {
  options.residual = residual;
  Hooks hooks;
  for (const std::string& name : names)
    hooks.read(name, [&](const at::Tensor& activation, const HookPoint& point) {
      activations[activation_name(point)] = activation;
    });
  residual = model.forward(tokens, options, hooks).residual;
}

}  // namespace

std::vector<std::map<std::string, at::Tensor>> read_activations_in_step(
    const Model& model, const std::vector<TokenBatch>& sequences,
    const std::vector<std::string>& names, ForwardOptions::Logits logits) {
  const std::int64_t n_layers = model.spec().n_layers;
  const auto wanted = by_part(model.spec(), names);
  std::vector<std::map<std::string, at::Tensor>> activations(sequences.size());
  std::vector<at::Tensor> residuals(sequences.size());
  for (std::int64_t part = -1; part <= n_layers; ++part) {
    ForwardOptions options;
    options.start_at_layer = std::max<std::int64_t>(0, part);
    options.logits = ForwardOptions::Logits::none;
    if (part < n_layers)
      options.stop_at_layer = part + 1;
    else
      options.logits = logits;
    const auto found = wanted.find(part);
    if (part == n_layers && found == wanted.end()) break;
    for (std::size_t i = 0; i < sequences.size(); ++i)
      run_part(model, sequences[i], options,
               found == wanted.end() ? std::vector<std::string>() : found->second, residuals[i],
               activations[i]);
  }
  return activations;
}

}  // namespace lensbench
