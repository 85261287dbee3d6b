#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <benchmark/benchmark.h>

#include <lensbench/gradients.hpp>
#include <lensbench/metric.hpp>
#include <memory>

#include "edge_attribution/edge_attribution.hpp"
#include "edge_attribution/gradients.hpp"
#include "edge_attribution/graph.hpp"
#include "edge_attribution/outputs.hpp"
#include "measure.hpp"
#include "ratio.hpp"
#include "support/bench.hpp"
#include "support/random_model.hpp"

// Scores of all edges of a GPT-2-small-shaped model with random weights by attribution patching,
// against the passes that they cannot do without, in the same run: two forwards and one backward.

namespace lensbench::benchmarks {
namespace {

constexpr const char* kFirstStream = "blocks.0.hook_resid_pre";

Tokens pair_of(const Model& model, std::int64_t length, std::int64_t subject) {
  std::vector<std::int64_t> ids;
  for (std::int64_t i = 0; i < length; ++i) ids.push_back(i * 191 % 50257);
  ids[static_cast<std::size_t>(length / 4)] = subject;
  return tokens_from_ids(model, ids);
}

/// A pair of prompts and the metric of both.
struct Pair {
  Pair(const Model& given, std::int64_t length)
      : model(given),
        clean(pair_of(model, length, 1000)),
        corrupted(pair_of(model, length, 2000)) {}

  at::Tensor difference_of_logits(const at::Tensor& residual) const {
    const at::Tensor logits = model.unembed(model.final_norm(residual.select(1, -1)));
    return logits.select(1, 6).sub(logits.select(1, 9));
  }
  void forward(const Tokens& tokens) const {
    const at::NoGradGuard no_gradients;
    ForwardOptions options;
    options.logits = ForwardOptions::Logits::last;
    benchmark::DoNotOptimize(model.forward(make_batch(tokens), options).logits);
  }
  void forward_and_backward() const {
    run_gradients(model, make_batch(clean), {kFirstStream},
                  [&](const at::Tensor& residual, const RecordedActivations&) {
                    return difference_of_logits(residual);
                  });
  }

  const Model& model;
  Tokens clean, corrupted;
};

/// The scores of all edges and nothing else.
void score_all(Context& context, const edges::Graph& graph, const Pair& pair) {
  const paths::RunPair runs(pair.model, pair.clean, pair.corrupted);
  MetricReader reader("benchmark", pair.model, pair.clean, runs.base().last, Target::token(6),
                      {.versus = Target::token(9)});
  reader.set_base(runs.base().last[reader.position()]);
  const EdgeAttributionOptions options{.method = "eap"};
  benchmark::DoNotOptimize(edges::score_by_gradients(
      context, pair.clean, graph,
      edges::output_differences(pair.model, graph, runs.source(), runs.base()), reader,
      edges::stages_of(graph, runs.base(), runs.source(), options)));
}

/// \param state  argument: tokens of each prompt
void attribution_of_all_edges(benchmark::State& state) {
  testing::ToolBench<edges::EdgeAttributionTool> bench(random_model(gpt2_small_spec(), 1), {1});
  const Pair pair(*bench.model, state.range(0));
  const edges::Graph graph = edges::graph_of(bench.model->spec());
  EdgeAttributionOptions options{.method = "eap", .proportions = {}};
  options.metric.versus = Target::token(9);
  pair.forward(pair.clean);  // pages in the weights
  Best passes, scores, tool;
  for (auto _ : state) {
    passes.time([&] {
      pair.forward(pair.corrupted);
      pair.forward_and_backward();
    });
    scores.time([&] { score_all(bench.context, graph, pair); });
    tool.time(
        [&] { bench.tool.attribute_edges(pair.clean, pair.corrupted, Target::token(6), options); });
  }
  count_ratio(state, "scores_to_passes", scores, passes);
  // With its receipts, which run the model again.
  count_ratio(state, "tool_to_passes", tool, passes);
  state.counters["edges"] = static_cast<double>(graph.edges.size());
}
BENCHMARK(attribution_of_all_edges)
    ->ArgName("tokens")
    ->Arg(16)
    ->Arg(64)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Iterations(3);

}  // namespace
}  // namespace lensbench::benchmarks
