#include <benchmark/benchmark.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <lensbench/corpus.hpp>
#include <lensbench/random.hpp>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "folder.hpp"
#include "measure.hpp"
#include "neurons/neuron_explorer.hpp"
#include "neurons/sparsity.hpp"
#include "support/bench.hpp"
#include "support/random_model.hpp"

// The tools of neurons over texts of random tokens: their time to that of bare forwards of the same
// windows, and their memory over texts of different length.

namespace lensbench::benchmarks {
namespace {

constexpr std::int64_t kWindow = 250;
constexpr double kNever = std::numeric_limits<double>::infinity();

/// Writes documents of one window each.
std::string write_text(const Folder& folder, std::int64_t tokens) {
  const std::string path = (folder / (std::to_string(tokens) + ".jsonl")).string();
  std::ofstream file(path);
  Philox random(3);
  for (std::int64_t first = 0; first < tokens; first += kWindow) {
    file << "{\"ids\": [" << random.below(2048);
    for (std::int64_t i = 1; i < kWindow; ++i) file << "," << random.below(2048);
    file << "]}\n";
  }
  return path;
}

std::vector<TokenBatch> windows_of(const Model& model, const std::string& text) {
  std::vector<TokenBatch> windows;
  Corpus corpus(model, text, {.length = kWindow});
  while (const auto window = corpus.next()) windows.push_back(make_batch(window->tokens));
  return windows;
}

/// Elapsed time, since threads of the matrix library that wait use the processor as well.
double seconds(const std::function<void()>& work) {
  const Clock start = Clock::now();
  work();
  return (Clock::now() - start).wall_s;
}

/// Compares both tools with bare forwards over a text.
void to_bare_forwards(benchmark::State& state, const std::shared_ptr<const Model>& model,
                      std::int64_t tokens) {
  const Folder folder;
  const std::string text = write_text(folder, tokens);
  const std::vector<TokenBatch> windows = windows_of(*model, text);
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  // The best of three rounds each, since other programs only add time.
  double bare = kNever, sparsity = kNever, explorer = kNever;
  for (auto _ : state) {
    // Tools remember a text, so each round has new ones.
    testing::ToolBench<neurons::SparsityTool> counts(model, {1, 2, 3});
    testing::ToolBench<neurons::NeuronExplorerTool> explores(model, {1, 2, 3});
    model->forward(windows.front(), options);
    bare = std::min(bare, seconds([&] {
                      for (const TokenBatch& window : windows) model->forward(window, options);
                    }));
    sparsity =
        std::min(sparsity, seconds([&] { counts.tool.measure(counts.tokens, {.text = text}); }));
    explorer =
        std::min(explorer, seconds([&] {
                   explores.tool.explore(explores.tokens, Target::model(),
                                         {.neurons = {{1, 17}, {2, 5}, {3, 99}}, .text = text});
                 }));
  }
  state.counters["sparsity_to_forwards"] = sparsity / bare;
  state.counters["explorer_to_forwards"] = explorer / bare;
}

void neurons_of_embedded_model(benchmark::State& state) {
  to_bare_forwards(state, Model::open(LENSBENCH_BENCHMARK_MODEL), 100000);
}
BENCHMARK(neurons_of_embedded_model)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);

void neurons_of_gpt2_small(benchmark::State& state) {
  to_bare_forwards(state, random_model(gpt2_small_spec(), 1), 5000);
}
BENCHMARK(neurons_of_gpt2_small)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(3);

/// Peak memory of a tool over a text, over that before it.
/// \param state  argument: tokens of the text
template <class Tool, class Work>
void memory_over_text(benchmark::State& state, Work work) {
  const Folder folder;
  const auto model = Model::open(LENSBENCH_BENCHMARK_MODEL);
  const std::string text = write_text(folder, state.range(0));
  testing::ToolBench<Tool> bench(model, {1, 2, 3});
  model->forward(make_batch(bench.tokens), {});  // pages in the weights
  const std::int64_t before = resident_bytes();
  const bool known = reset_peak_resident();
  for (auto _ : state) work(bench, text);
  state.counters["peak_over_before_MB"] =
      known ? static_cast<double>(peak_resident_bytes() - before) / 1e6
            : std::numeric_limits<double>::quiet_NaN();
}

void memory_of_sparsity(benchmark::State& state) {
  memory_over_text<neurons::SparsityTool>(state, [](auto& bench, const std::string& text) {
    bench.tool.measure(bench.tokens, {.text = text});
  });
}
BENCHMARK(memory_of_sparsity)
    ->Arg(10000)
    ->Arg(100000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

void memory_of_neuron_explorer(benchmark::State& state) {
  memory_over_text<neurons::NeuronExplorerTool>(state, [](auto& bench, const std::string& text) {
    bench.tool.explore(bench.tokens, Target::model(),
                       {.neurons = {{1, 17}, {2, 5}, {3, 99}}, .text = text});
  });
}
BENCHMARK(memory_of_neuron_explorer)
    ->Arg(10000)
    ->Arg(100000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

}  // namespace
}  // namespace lensbench::benchmarks
