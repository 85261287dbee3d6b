#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones.h>
#include <benchmark/benchmark.h>

#include <functional>
#include <limits>
#include <vector>

#include "attention/attention.hpp"
#include "composition/composition.hpp"
#include "measure.hpp"
#include "support/bench.hpp"
#include "support/random_model.hpp"

// Tools of attention heads on a GPT-2-small-shaped model with random weights: what all patterns of
// a long prompt take, which are never held together, and scores of all pairs of heads, which need
// no matrix of the width of the stream for each pair.

namespace lensbench::benchmarks {
namespace {

constexpr std::int64_t kHeads = 12, kBlocks = 12, kWidth = 768;

/// Peak memory of some work over that before it, in MB; NaN where the system does not say.
double peak_of(const std::function<void()>& work) {
  const std::int64_t before = resident_bytes();
  const bool known = reset_peak_resident();
  work();
  return known ? static_cast<double>(peak_resident_bytes() - before) / 1e6
               : std::numeric_limits<double>::quiet_NaN();
}

void attention_over_1024_tokens(benchmark::State& state) {
  constexpr std::int64_t kLength = 1024;
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < kLength; ++i) ids.push_back(i * 191 % 50257);
  testing::ToolBench<attention::AttentionTool> bench(random_model(gpt2_small_spec(), 1), ids);
  AttentionOptions options;
  options.patterns = {};  // statistics alone
  const at::NoGradGuard no_gradients;
  const auto forward = [&](const Tokens& tokens) {
    bench.model->forward(make_batch(tokens), {.logits = ForwardOptions::Logits::none});
  };
  forward(tokens_from_ids(*bench.model, {1, 2, 3}));  // pages in the weights
  double peak = 0;
  for (auto _ : state) peak = peak_of([&] { bench.tool.analyze(bench.tokens, options); });
  state.counters["peak_over_weights_MB"] = peak;
  // After the tool, so that memory which the forward would have left does not hide the tool's.
  state.counters["forward_peak_MB"] = peak_of([&] { forward(bench.tokens); });
  state.counters["all_patterns_MB"] =
      static_cast<double>(kBlocks * kHeads * kLength * kLength) * sizeof(float) / 1e6;
}
BENCHMARK(attention_over_1024_tokens)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(1);

/// Seconds that the score of one pair of heads takes with dense matrices.
double seconds_of_dense_pair() {
  constexpr int kPairs = 5;
  const at::Tensor sender = at::ones({kWidth, kWidth}, at::kDouble);
  const at::Tensor receiver = at::ones({kWidth, kWidth}, at::kDouble);
  sender.matmul(receiver).norm();  // starts the threads
  const Clock start = Clock::now();
  for (int pair = 0; pair < kPairs; ++pair)
    benchmark::DoNotOptimize(sender.matmul(receiver).norm().item<double>());
  return (Clock::now() - start).cpu_s / kPairs;
}

/// \param state  argument 0: scores of pairs and heads alone; 1: the tool with its defaults
void composition_of_all_heads(benchmark::State& state) {
  testing::ToolBench<composition::CompositionTool> bench(random_model(gpt2_small_spec(), 1),
                                                         {1, 2, 3});
  CompositionOptions options;
  if (state.range(0) == 0) options.directions = 0, options.baseline_draws = 2;
  const at::NoGradGuard no_gradients;
  bench.model->forward(make_batch(bench.tokens), {});  // pages in the weights
  double peak = 0, seconds = 0;
  for (auto _ : state)
    peak = peak_of([&] {
      const Clock start = Clock::now();
      bench.tool.analyze(options);
      seconds += (Clock::now() - start).cpu_s;
    });
  // Heads of earlier blocks send through three inputs.
  const double pairs = 3.0 * kHeads * kHeads * kBlocks * (kBlocks - 1) / 2;
  state.counters["cpu_s"] = seconds;
  state.counters["dense_pairs_to_ours"] = pairs * seconds_of_dense_pair() / seconds;
  state.counters["peak_over_weights_MB"] = peak;
}
BENCHMARK(composition_of_all_heads)
    ->Arg(0)
    ->Arg(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

}  // namespace
}  // namespace lensbench::benchmarks
