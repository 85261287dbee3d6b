#include "methods.hpp"

#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include <lensbench/gradients.hpp>
#include <lensbench/hooks.hpp>
#include <limits>
#include <map>

namespace agreement {
namespace {

using namespace lensbench;

constexpr const char* kFirstStream = "blocks.0.hook_resid_pre";

std::string in_block(std::int64_t block, const char* hook) {
  return "blocks." + std::to_string(block) + "." + hook;
}

/// Hook points of the outputs, in the order of the components.
std::vector<std::string> output_hooks(const TransformerSpec& spec) {
  std::vector<std::string> hooks;
  for (std::int64_t block = 0; block < spec.n_layers; ++block)
    for (const char* hook : {"hook_attn_out", "hook_mlp_out"})
      hooks.push_back(in_block(block, hook));
  return hooks;
}

/// Hook points of the stream before each component.
std::vector<std::string> state_hooks(const TransformerSpec& spec) {
  std::vector<std::string> hooks;
  for (std::int64_t block = 0; block < spec.n_layers; ++block)
    for (const char* hook : {"hook_resid_pre", "hook_resid_mid"})
      hooks.push_back(in_block(block, hook));
  return hooks;
}

/// Stream before the first block of the runs from the corrupted end to the clean one: the corrupted
/// run itself, then the midpoints of the path, [run, pos, d_model].
at::Tensor path_of(const at::Tensor& corrupted, const at::Tensor& clean) {
  std::vector<at::Tensor> runs = {corrupted};
  for (std::int64_t step = 0; step < kSteps; ++step) {
    const double share = (static_cast<double>(step) + 0.5) / static_cast<double>(kSteps);
    runs.push_back(corrupted.add(clean.sub(corrupted).mul(share)));
  }
  return at::stack(runs);
}

/// Gradients of the metric of each run at the outputs, by hook name [run, pos, d_model].
std::map<std::string, at::Tensor> output_gradients(const Model& model, const Tokens& tokens,
                                                   const at::Tensor& runs,
                                                   const MetricReader& reader) {
  GradientOptions options;
  options.hooks.replace(kFirstStream, [&](const at::Tensor& x, const HookPoint&) {
    return runs.to(x.scalar_type()).contiguous();
  });
  TokenBatch batch = make_batch(tokens);
  batch.ids = batch.ids.expand({runs.size(0), -1});
  const auto metrics = [&](const at::Tensor& residual, const RecordedActivations&) {
    return reader(residual.select(1, reader.position()));
  };
  return run_gradients(model, batch, output_hooks(model.spec()), metrics, options).gradients;
}

}  // namespace

std::vector<std::string> component_names(const TransformerSpec& spec) {
  std::vector<std::string> names;
  for (std::int64_t block = 0; block < spec.n_layers; ++block)
    for (const char* output : {"_attn_out", "_mlp_out"})
      names.push_back(std::to_string(block) + output);
  return names;
}

RunValues read_run(const Model& model, const Tokens& tokens) {
  const TransformerSpec& spec = model.spec();
  std::map<std::string, at::Tensor> found;
  Hooks hooks;
  std::vector<std::string> wanted = output_hooks(spec);
  wanted.emplace_back(kFirstStream);
  const std::vector<std::string> before =
      spec.parallel_blocks ? std::vector<std::string>{} : state_hooks(spec);
  for (const std::string& hook : before)
    if (hook != kFirstStream) wanted.push_back(hook);
  for (const std::string& hook : wanted)
    hooks.read(hook,
               [&](const at::Tensor& x, const HookPoint& point) { found[point.name] = x[0]; });
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  const at::Tensor residual = model.forward(make_batch(tokens), options, hooks).residual[0];

  RunValues run{found.at(kFirstStream), {}, residual, {}};
  std::vector<at::Tensor> outputs, states;
  for (const std::string& hook : output_hooks(spec)) outputs.push_back(found.at(hook));
  run.outputs = at::stack(outputs);
  if (before.empty()) return run;
  for (const std::string& hook : before) states.push_back(found.at(hook));
  states.push_back(residual);
  run.states = at::stack(states);
  return run;
}

at::Tensor lens_steps(const RunValues& run, const MetricReader& reader) {
  const std::int64_t components = run.outputs.size(0);
  if (!run.states.defined())
    return at::full({components}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  const at::Tensor read = reader(run.states.select(1, reader.position())).to(at::kCPU);
  return read.narrow(0, 1, components).sub(read.narrow(0, 0, components));
}

double lens_start(const RunValues& run, const MetricReader& reader) {
  return reader(run.first.narrow(0, reader.position(), 1)).item<double>();
}

FirstOrder first_order(const Model& model, const Tokens& tokens, const RunValues& clean,
                       const RunValues& corrupted, const MetricReader& reader) {
  const auto gradients =
      output_gradients(model, tokens, path_of(corrupted.first, clean.first), reader);
  std::vector<at::Tensor> at_corrupted, on_average;
  const auto hooks = output_hooks(model.spec());
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    const auto component = static_cast<std::int64_t>(i);
    const at::Tensor difference =
        clean.outputs[component].to(at::kDouble).sub(corrupted.outputs[component].to(at::kDouble));
    // [run, pos]
    const at::Tensor products =
        gradients.at(hooks[i]).to(at::kDouble).mul(difference).sum(-1).to(at::kCPU);
    at_corrupted.push_back(products[0]);
    on_average.push_back(products.narrow(0, 1, kSteps).mean(0));
  }
  return {at::stack(at_corrupted), at::stack(on_average)};
}

}  // namespace agreement
