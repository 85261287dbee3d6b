#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/autograd.h>

#include <lensbench/error.hpp>
#include <lensbench/gradients.hpp>
#include <set>

namespace lensbench {
namespace {

/// True for inputs of single heads. They bypass the common norm, so its gradient needs a second
/// forward without hooks on them.
bool is_head_input(const std::string& name) {
  for (const char* ending : {".hook_attn_in", ".hook_q_input", ".hook_k_input", ".hook_v_input"})
    if (name.ends_with(ending)) return true;
  return false;
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

void add_gradients(std::map<std::string, at::Tensor>& results, const Model& model,
                   const TokenBatch& tokens, const std::vector<std::string>& names,
                   const LogitMetric& metric, Hooks hooks) {
  std::map<std::string, at::Tensor> seen;
  for (const std::string& name : names)
    hooks.replace(name, [&](const at::Tensor& activation, const HookPoint& point) {
      if (!activation.is_floating_point())
        throw UsageError("gradients: '" + point.name +
                         "' holds integers, which cannot be differentiated; leave it out");
      // A value set by another hook is a constant: it becomes a leaf, so that it gets a gradient
      // too.
      seen[point.name] =
          activation.requires_grad() ? activation : activation.detach().requires_grad_();
      return seen[point.name];
    });
  ForwardOptions options;
  options.gradients = true;
  const at::Tensor value = checked_value(metric, model.forward(tokens, options, hooks).logits);
  std::vector<at::Tensor> inputs;
  for (const auto& [name, activation] : seen) inputs.push_back(activation);
  const auto derivatives = torch::autograd::grad({value}, inputs, {}, false, false, true);
  std::size_t i = 0;
  for (const auto& [name, activation] : seen) {
    const at::Tensor& derivative = derivatives[i++];
    results[name] =
        derivative.defined() ? derivative.detach() : at::zeros_like(activation).detach();
  }
}

}  // namespace

std::map<std::string, at::Tensor> gradients(const Model& model, const TokenBatch& tokens,
                                            const std::vector<std::string>& globs,
                                            const LogitMetric& metric, const Hooks& hooks) {
  const at::AutoGradMode mode(true);
  std::set<std::string> wanted;
  for (const std::string& glob : globs)
    for (const HookPoint& point : match_hook_points(model.spec(), glob)) wanted.insert(point.name);
  std::vector<std::string> common, of_heads;
  for (const std::string& name : wanted) (is_head_input(name) ? of_heads : common).push_back(name);
  std::map<std::string, at::Tensor> results;
  for (const auto* names : {&common, &of_heads})
    if (!names->empty()) add_gradients(results, model, tokens, *names, metric, hooks);
  return results;
}

}  // namespace lensbench
