#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <benchmark/benchmark.h>

#include <algorithm>
#include <functional>
#include <lensbench/gradients.hpp>
#include <lensbench/metric.hpp>
#include <lensbench/sweep.hpp>
#include <limits>
#include <map>
#include <memory>
#include <string>

#include "activation_patching/tracing_sweep.hpp"
#include "input_attribution/input_attribution.hpp"
#include "measure.hpp"
#include "support/bench.hpp"
#include "support/random_model.hpp"

// Ratios of sweeps and gradients on a GPT-2-small-shaped model with random weights: several metrics
// to one, cells of heads to cells of the stream, restorations to the positions that they need, and
// integrated gradients to as many single forward-backward pairs.

namespace lensbench::benchmarks {
namespace {

std::vector<std::int64_t> ids_of(std::int64_t count, std::int64_t first) {
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < count; ++i) ids.push_back((first + i * 191) % 50257);
  return ids;
}

/// A pair of prompts that differ in one token, and the clean activations.
struct Pair {
  std::shared_ptr<const Model> model = random_model(gpt2_small_spec(), 1);
  Tokens clean, corrupted;
  std::map<std::string, at::Tensor> source;
  at::Tensor stream;

  explicit Pair(std::int64_t length) {
    std::vector<std::int64_t> ids = ids_of(length, 0);
    clean = tokens_from_ids(*model, ids);
    ids[4] = 2000;
    corrupted = tokens_from_ids(*model, ids);
    Hooks hooks;
    for (const char* point : {"hook_resid_pre", "hook_mlp_out", "attn.hook_z"})
      hooks.read(std::string("blocks.*.") + point,
                 [this](const at::Tensor& x, const HookPoint& at) { source[at.name] = x[0]; });
    ForwardOptions options;
    options.logits = ForwardOptions::Logits::none;
    stream = model->forward(make_batch(clean), options, hooks).residual[0];
  }
  MetricReader reader() const {
    MetricReader reader("benchmark", *model, clean, stream, Target::token(5),
                        {.versus = Target::token(7)});
    reader.set_base(stream[reader.position()]);
    return reader;
  }
  /// Cells of one point over all blocks and the given positions. \param heads  0: not by head
  std::vector<SweepCell> cells(const std::string& point, std::int64_t heads,
                               const std::vector<std::int64_t>& positions) const {
    std::vector<SweepCell> found;
    for (std::int64_t block = 0; block < 12; ++block)
      for (const std::int64_t position : positions)
        for (std::int64_t head = 0; head < std::max<std::int64_t>(1, heads); ++head) {
          CellWrite write{point, block, {position}, {}, {}};
          write.values =
              source.at("blocks." + std::to_string(block) + "." + point).narrow(0, position, 1);
          if (heads > 0) write.heads = {head}, write.values = write.values.narrow(1, head, 1);
          found.push_back({{std::move(write)}});
        }
    return found;
  }
};

double seconds_of(const std::function<void()>& work) {
  const Clock start = Clock::now();
  work();
  return (Clock::now() - start).cpu_s;
}

void several_metrics(benchmark::State& state) {
  const Pair pair(32);
  const MetricReader difference = pair.reader();  // does not need the whole vocabulary
  MetricReader one = pair.reader(), five = pair.reader();
  one.read_several({Metric::log_probability});
  five.read_several({Metric::logit_difference, Metric::logit, Metric::log_probability,
                     Metric::probability, Metric::kl});
  const auto cells = pair.cells("hook_resid_pre", 0, {4, 8, 16, 24});
  const auto sweep = [&](const MetricReader& reader) {
    sweep_cells(*pair.model, pair.corrupted, cells, reader.rows());
  };
  sweep(one);
  double of_one = 0, of_five = 0, of_difference = 0;
  for (auto _ : state) {
    of_difference += seconds_of([&] { sweep(difference); });
    of_one += seconds_of([&] { sweep(one); });
    of_five += seconds_of([&] { sweep(five); });
  }
  state.counters["five_metrics_to_log_probability"] = of_five / of_one;
  state.counters["five_metrics_to_logit_difference"] = of_five / of_difference;
}
BENCHMARK(several_metrics)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);

/// \param state  argument 0: cells at the last position alone; 1: at three positions
void cells_of_heads(benchmark::State& state) {
  constexpr std::int64_t kLength = 32;
  const Pair pair(kLength);
  const MetricReader reader = pair.reader();
  const std::vector<std::int64_t> positions = state.range(0) == 0
                                                  ? std::vector<std::int64_t>{kLength - 1}
                                                  : std::vector<std::int64_t>{4, 16, 28};
  const auto streams = pair.cells("hook_resid_pre", 0, positions);
  const auto heads = pair.cells("attn.hook_z", 12, positions);
  const auto a_cell = [&](const std::vector<SweepCell>& cells) {
    std::int64_t run = 0;
    const double seconds = seconds_of(
        [&] { run = sweep_cells(*pair.model, pair.corrupted, cells, reader.rows()).run; });
    return seconds / static_cast<double>(run);
  };
  a_cell(streams);
  double of_stream = 0, of_head = 0;
  for (auto _ : state) {
    of_stream += a_cell(streams);
    of_head += a_cell(heads);
  }
  state.counters["head_cell_to_stream_cell"] = of_head / of_stream;
}
// Cells at the last position are few and short, so that they need more rounds.
BENCHMARK(cells_of_heads)->Arg(0)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(10);
BENCHMARK(cells_of_heads)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(2);

void tracing_windows(benchmark::State& state) {
  constexpr std::int64_t kLength = 16, kSamples = 10, kWindow = 5;
  const Pair pair(kLength);
  const MetricReader reader = pair.reader();
  CausalTracingOptions tracing;
  tracing.kinds = {"mlp"};
  tracing.window = kWindow;
  SweepOptions options;
  options.bases.clear();
  for (std::int64_t sample = 0; sample < kSamples; ++sample) {
    Hooks hooks;
    hooks.replace("hook_embed", [sample](const at::Tensor& x, const HookPoint&) {
      at::Tensor y = x.clone();
      y.select(1, 4).add_(0.05 * static_cast<double>(sample + 1));
      return y;
    });
    options.bases.push_back(hooks);
  }
  const auto cells = tracing::restorations(pair.model->spec(), kLength, tracing, pair.source);
  // A restoration of token t whose window starts at block b needs the blocks from b on at the
  // positions from t on; tokens before the corrupted one change nothing.
  std::int64_t needed = 0;
  for (std::int64_t block = 0; block < 12; ++block)
    for (std::int64_t token = 4; token < kLength; ++token)
      needed +=
          kSamples * (12 - tracing::window_blocks(block, kWindow, 12).front()) * (kLength - token);
  SweepResult result;
  for (auto _ : state) result = sweep_cells(*pair.model, pair.clean, cells, reader.rows(), options);
  state.counters["position_blocks"] = static_cast<double>(result.position_blocks);
  state.counters["run_to_needed"] =
      static_cast<double>(result.position_blocks) / static_cast<double>(needed);
  // The unchanged run of each sample, of all positions, counts too.
  state.counters["with_base_runs_to_needed"] =
      static_cast<double>(result.position_blocks + kSamples * 12 * kLength) /
      static_cast<double>(needed);
}
BENCHMARK(tracing_windows)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(1);

void integrated_gradients(benchmark::State& state) {
  constexpr std::int64_t kSteps = 32, kLength = 64;
  testing::ToolBench<inputs::InputAttributionTool> bench(random_model(gpt2_small_spec(), 1),
                                                         ids_of(kLength, 0));
  InputAttributionOptions options;
  options.methods = {"integrated_gradients"};
  options.steps = kSteps;
  options.metric.versus = Target::token(7);
  options.baseline = "zero";
  const TokenBatch tokens = make_batch(bench.tokens);
  const auto pair = [&] {
    run_gradients(*bench.model, tokens, {"hook_embed"},
                  [&](const at::Tensor& x, const RecordedActivations&) {
                    const at::Tensor row = bench.model->final_norm(x.select(1, kLength - 1));
                    return row.matmul(bench.model->unembedding().weight[5]);
                  });
  };
  pair();  // pages in the weights
  const std::int64_t before = resident_bytes();
  const bool known = reset_peak_resident();
  const double ours =
      seconds_of([&] { bench.tool.attribute(bench.tokens, Target::token(5), options); });
  const std::int64_t peak = peak_resident_bytes();
  double pairs = 0;
  for (auto _ : state)
    pairs += seconds_of([&] {
      for (std::int64_t step = 0; step < kSteps; ++step) pair();
    });
  state.counters["time_to_pairs"] = ours / pairs;
  state.counters["peak_over_weights_MB"] =
      known ? static_cast<double>(peak - before) / 1e6 : std::numeric_limits<double>::quiet_NaN();
}
BENCHMARK(integrated_gradients)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace lensbench::benchmarks
