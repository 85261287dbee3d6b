#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/gradients.hpp>
#include <set>
#include <sstream>
#include <utility>

namespace lensbench {
namespace {

/// True for inputs of single heads. They bypass the common norm.
bool is_head_input(const std::string& name) {
  for (const char* ending : {".hook_attn_in", ".hook_q_input", ".hook_k_input", ".hook_v_input"})
    if (name.ends_with(ending)) return true;
  return false;
}

/// True for the norm that heads share. Where they have inputs of their own, nothing depends on it.
bool is_common_norm(const std::string& name) {
  return name.find(".ln1.") != std::string::npos;
}

/// Hook points in groups that one forward can differentiate together: the norm before the heads
/// needs a forward without inputs of single heads.
std::vector<std::vector<std::string>> groups_of(const Model& model,
                                                const std::vector<std::string>& globs) {
  std::set<std::string> wanted;
  for (const std::string& glob : globs)
    for (const HookPoint& point : match_hook_points(model.spec(), glob)) wanted.insert(point.name);
  const bool by_head = std::any_of(wanted.begin(), wanted.end(), is_head_input);
  std::vector<std::string> norms, others;
  for (const std::string& name : wanted)
    (by_head && is_common_norm(name) ? norms : others).push_back(name);
  std::vector<std::vector<std::string>> groups;
  for (auto* names : {&norms, &others})
    if (!names->empty()) groups.push_back(std::move(*names));
  return groups;
}

/// One forward with its graph.
struct Recording {
  RecordedActivations seen;
  ForwardOutput output;
};

/// Forward that keeps the activations with their graph. They are recorded by replacing each with
/// itself, so that the rest of the forward depends on the recorded tensor.
Recording record(const Model& model, const TokenBatch& tokens,
                 const std::vector<std::string>& names, ForwardOptions options, Hooks hooks) {
  Recording recording;
  for (const std::string& name : names)
    hooks.replace(name, [&](const at::Tensor& activation, const HookPoint& point) {
      if (!activation.is_floating_point())
        throw UsageError("gradients: '" + point.name +
                         "' holds integers, which cannot be differentiated; leave it out");
      // A value set by another hook is a constant: it becomes a leaf, so that it gets a gradient
      // too.
      at::Tensor& seen = recording.seen[activation_name(point)];
      seen = activation.requires_grad() ? activation : activation.detach().requires_grad_();
      return seen;
    });
  options.gradients = true;
  recording.output = model.forward(tokens, options, hooks);
  return recording;
}

/// Gradients of sum(seed * values), by name.
/// \param keep  true to differentiate the same graph again
std::map<std::string, at::Tensor> derivatives(const Recording& recording, const at::Tensor& values,
                                              const at::Tensor& seed, bool keep) {
  std::vector<at::Tensor> inputs;
  for (const auto& [name, activation] : recording.seen) inputs.push_back(activation);
  // Points that the value does not depend on get an undefined gradient instead of an error.
  const auto found = torch::autograd::grad({values}, inputs, {seed}, keep, false, true);
  std::map<std::string, at::Tensor> results;
  std::size_t i = 0;
  for (const auto& [name, activation] : recording.seen) {
    const at::Tensor& derivative = found[i++];
    results[name] =
        // Independence is a gradient of zero.
        derivative.defined() ? derivative.detach() : at::zeros_like(activation).detach();
  }
  return results;
}

at::Tensor checked_value(const LogitMetric& metric, const at::Tensor& logits) {
  const at::Tensor value = metric(logits);
  if (!value.defined() || value.numel() != 1)
    throw UsageError("gradients: the metric returned " +
                     (value.defined() ? std::to_string(value.numel()) + " numbers" : "nothing") +
                     "; it must return one number");
  if (!value.requires_grad())
    throw UsageError(
        "gradients: the metric is not a differentiable function of the logits; compute it from "
        "them with tensor operations");
  return value.reshape({});
}

/// Runs the part of the model and the function. \return the recording and its values
std::pair<Recording, at::Tensor> record_function(const Model& model, const TokenBatch& tokens,
                                                 const std::vector<std::string>& names,
                                                 const RunFunction& function,
                                                 const GradientOptions& options) {
  ForwardOptions forward;
  forward.logits = ForwardOptions::Logits::none;
  forward.stop_at_layer = options.stop_at_layer;
  Recording recording = record(model, tokens, names, forward, options.hooks);
  at::Tensor values = function(recording.output.residual, recording.seen);
  if (!values.defined() || !values.requires_grad())
    throw UsageError(
        "gradients: the function does not depend on the run by differentiable operations; compute "
        "its numbers from the stream or the activations with tensor operations");
  return {std::move(recording), std::move(values)};
}

}  // namespace

std::map<std::string, at::Tensor> gradients(const Model& model, const TokenBatch& tokens,
                                            const std::vector<std::string>& globs,
                                            const LogitMetric& metric, const Hooks& hooks) {
  const at::AutoGradMode mode(true);
  std::map<std::string, at::Tensor> results;
  for (const auto& names : groups_of(model, globs)) {
    const Recording recording = record(model, tokens, names, {}, hooks);
    const at::Tensor value = checked_value(metric, recording.output.logits);
    results.merge(derivatives(recording, value, at::ones_like(value), false));
  }
  return results;
}

RunGradients run_gradients(const Model& model, const TokenBatch& tokens,
                           // Several groups repeat the forward; `values` are equal in all of them.
                           const std::vector<std::string>& globs, const RunFunction& function,
                           const GradientOptions& options) {
  const at::AutoGradMode mode(true);
  RunGradients results;
  for (const auto& names : groups_of(model, globs)) {
    const auto [recording, values] = record_function(model, tokens, names, function, options);
    results.gradients.merge(derivatives(recording, values, at::ones_like(values), false));
    results.values = values.detach();
  }
  return results;
}

std::vector<std::map<std::string, at::Tensor>> vector_jacobian_products(
    const Model& model, const TokenBatch& tokens, const std::vector<std::string>& globs,
    const RunFunction& function, const std::vector<at::Tensor>& seeds,
    const GradientOptions& options) {
  const at::AutoGradMode mode(true);
  std::vector<std::map<std::string, at::Tensor>> results(seeds.size());
  for (const auto& names : groups_of(model, globs)) {
    const auto [recording, values] = record_function(model, tokens, names, function, options);
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      if (seeds[i].sizes() != values.sizes()) {
        std::ostringstream message;
        message << "gradients: seed " << i << " must have the shape of the function's numbers, "
                << values.sizes() << ", found " << seeds[i].sizes();
        throw UsageError(message.str());
      }
      // The graph is kept until the last seed.
      results[i].merge(derivatives(recording, values, seeds[i], i + 1 < seeds.size()));
    }
  }
  return results;
}

}  // namespace lensbench
