#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <benchmark/benchmark.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/patching.hpp>
#include <memory>
#include <string>

#include "measure.hpp"
#include "support/random_model.hpp"

// A patching sweep of the residual stream over layers and positions of a GPT-2-small-shaped model
// with random weights, compared with the plain loop of one whole forward a cell in the same run.
// The two prompts differ in one token of 32, as a pair of a study does, or in all.

namespace lensbench::benchmarks {
namespace {

constexpr std::int64_t kPositions = 32;

Tokens prompt(const Model& model, std::int64_t subject, std::int64_t first = 0) {
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < kPositions; ++i) ids.push_back((first + i * 191) % 50257);
  ids[4] = subject;
  return tokens_from_ids(model, ids);
}

/// The difference of the two logits that the prompts disagree about most, as the answers of a pair
/// are. Between any other two the prompts may agree but for rounding, and recovery divides by that
/// disagreement.
CellMetric answers(const Model& model, const Tokens& clean, const Tokens& corrupted) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::last;
  const auto last = [&](const Tokens& tokens) {
    return model.forward(make_batch(tokens), options).logits[0][0];
  };
  const at::Tensor difference = last(clean).sub(last(corrupted));
  return logit_difference(difference.argmax().item<std::int64_t>(),
                          difference.argmin().item<std::int64_t>());
}

double largest(const at::Tensor& x) {
  return x.abs().max().item<double>();
}

/// Metrics [layer, position].
at::Tensor one_forward_a_cell(const Model& model, const Tokens& clean, const Tokens& corrupted,
                              const CellMetric& metric) {
  const auto streams = run_with_cache(model, make_batch(clean), {"blocks.*.hook_resid_pre"}).cache;
  const TokenBatch tokens = make_batch(corrupted);
  const std::int64_t layers = model.spec().n_layers;
  at::Tensor values = at::empty({layers, kPositions}, at::kDouble);
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::last;  // kind to the plain way
  for (std::int64_t layer = 0; layer < layers; ++layer)
    for (std::int64_t position = 0; position < kPositions; ++position) {
      const std::string name = "blocks." + std::to_string(layer) + ".hook_resid_pre";
      Hooks hooks;
      hooks.replace(name, [&](const at::Tensor& x, const HookPoint&) {
        at::Tensor y = x.clone();
        y.select(1, position).copy_(streams[name].select(1, position));
        return y;
      });
      values[layer][position] =
          metric(model.forward(tokens, options, hooks).logits.select(1, 0))[0];
    }
  return values;
}

/// \param state  argument 1: the prompts differ in all tokens, 0: in one
void patching_sweep(benchmark::State& state) {
  const auto model = random_model(gpt2_small_spec(), 1);
  const Tokens clean = prompt(*model, 1000);
  const Tokens corrupted = prompt(*model, 2000, state.range(0) == 1 ? 7919 : 0);
  const at::NoGradGuard no_gradients;
  const CellMetric metric = answers(*model, clean, corrupted);
  patch_sweep(*model, clean, corrupted, metric, {.layers = {11}});  // pages in the weights
  const Clock start = Clock::now();
  const at::Tensor plain = one_forward_a_cell(*model, clean, corrupted, metric);
  const Clock plain_time = Clock::now() - start;
  PatchSweep sweep;
  const Clock began = Clock::now();
  for (auto _ : state) sweep = patch_sweep(*model, clean, corrupted, metric);
  const Clock ours = Clock::now() - began;
  const auto runs = static_cast<double>(state.iterations());
  const auto recovery = [&](const at::Tensor& metrics) {
    return metrics.sub(sweep.corrupted_metric).div(sweep.clean_metric - sweep.corrupted_metric);
  };
  const PatchSweep exact =
      patch_sweep(*random_model(gpt2_small_spec(), 1, at::kDouble), clean, corrupted, metric);
  state.counters["times_faster"] = plain_time.wall_s / (ours.wall_s / runs);
  state.counters["times_less_cpu"] = plain_time.cpu_s / (ours.cpu_s / runs);
  state.counters["plain_s"] = plain_time.wall_s;
  state.counters["metric_clean_less_corrupted"] = sweep.clean_metric - sweep.corrupted_metric;
  state.counters["largest_metric_difference"] = largest(plain.sub(sweep.metric));
  state.counters["largest_recovery_difference"] = largest(recovery(plain).sub(sweep.recovery));
  state.counters["plain_recovery_from_float64"] = largest(recovery(plain).sub(exact.recovery));
  state.counters["our_recovery_from_float64"] = largest(sweep.recovery.sub(exact.recovery));
}
BENCHMARK(patching_sweep)
    ->Arg(0)
    ->Arg(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(3);

}  // namespace
}  // namespace lensbench::benchmarks
