// What the tool refuses, records and checks.
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <map>

#include "edge_attribution/circuit.hpp"
#include "edge_attribution/graph.hpp"
#include "edge_fixture.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/faulty_model.hpp"
#include "support/random_model.hpp"

namespace lensbench::edges {
namespace {

using testing::expect_fails;
using ::testing::HasSubstr;
using testing::message_of;

class Requests : public ::testing::Test {
 protected:
  static Dataset run(EdgeBench& bench, const Settings& settings,
                     const std::vector<std::int64_t>& corrupted = kCorrupted) {
    Request request(bench.tokens, bench.tool.parameters(settings));
    request.set_corrupted(bench.tokens_of(corrupted));
    bench.tool.check_parameters(request.parameters());
    return bench.tool.run(request);
  }
  static std::string fault(EdgeBench& bench, const Settings& settings,
                           const std::vector<std::int64_t>& corrupted = kCorrupted) {
    return message_of<UsageError>([&] { run(bench, settings, corrupted); });
  }
  EdgeBench gpt2_{random_model(small_gpt2_spec(), 6, at::kFloat, 0.3), kClean};
  EdgeBench llama_{random_model(small_llama_spec(), 6, at::kFloat, 0.3), kClean};
};

TEST_F(Requests, PromptsThatCannotBeComparedAreRefused) {
  EXPECT_THAT(fault(gpt2_, {}, {3, 17}), HasSubstr("has 6 tokens, the corrupted one 2"));
  EXPECT_THAT(fault(gpt2_, {}, kClean), HasSubstr("equal token for token"));
}

TEST_F(Requests, SharesMustRiseAndBeShares) {
  EXPECT_THAT(fault(gpt2_, {{"proportions", "0.5,0.1"}}), HasSubstr("proportions must rise"));
  EXPECT_THAT(fault(gpt2_, {{"proportions", "2"}}), HasSubstr("proportions"));
}

TEST_F(Requests, NodesNeedTheirScores) {
  EXPECT_THAT(fault(gpt2_, {{"level", "node"}, {"method", "exact"}}),
              HasSubstr("level=node needs the score of each node"));
}

TEST_F(Requests, AModelThatNormalisesItsStreamIsRefused) {
  TransformerSpec spec = small_gpt2_spec();
  spec.norm_placement = NormPlacement::after_add;
  EXPECT_THAT(message_of<UsageError>([&] { graph_of(spec); }),
              HasSubstr("normalises its stream after each addition"));
}

TEST_F(Requests, EveryMethodHoldsItsReceipts) {
  for (EdgeBench* bench : {&gpt2_, &llama_})
    for (const char* method : {"eap", "clean_corrupted", "ig_activations", "exact"}) {
      const Dataset result = run(*bench, {{"method", method}, {"random_draws", "2"}});
      SCOPED_TRACE(method);
      expect_receipts_hold(result, 5);
      EXPECT_EQ(schema_problem({std::begin(kEdgeTable), std::end(kEdgeTable)}, result), "");
    }
}

TEST_F(Requests, TheIntegralOverEmbeddingsIsComplete) {
  const Dataset result = run(gpt2_, {{"steps", "64"}, {"proportions", "none"}});
  EXPECT_LT(receipt_of(result, "edges_of_the_embedding_sum_to_the_gap").value, 0.01);
}

TEST_F(Requests, JumpsOfAMixtureAreWhatTheIntegralLacksOfTheGap) {
  TransformerSpec spec = small_llama_spec();
  spec.mlp.n_experts = 4;
  spec.mlp.experts_per_token = 1;
  EdgeBench mixture(random_model(spec, 5, at::kFloat, 0.3), kClean);
  const Dataset result = run(mixture, {{"steps", "512"}, {"proportions", "none"}});
  double sum = 0;
  const auto& sources = result["source"].strings;
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (sources[i] == "embed")
      sum += value_at(result, "edge_score", {static_cast<std::int64_t>(i)});
  const double gap = value_at(result, "gap", {});
  // The share of the gap that the receipt allows.
  const double allowed = 0.05 * std::abs(gap);
  EXPECT_GT(std::abs(sum - gap), allowed) << "the experts do not change: choose another model";
  EXPECT_NEAR(sum + value_at(result, "routing_jumps", {}), gap, allowed);
  EXPECT_GE(value_at(result, "routing_changes", {}), 1.0);
  expect_receipts_hold(result);
  EXPECT_EQ(schema_problem({std::begin(kEdgeTable), std::end(kEdgeTable)}, result), "");
}

TEST_F(Requests, SharedKeysAreNodesOfTheirOwn) {
  const Dataset result = run(llama_, {{"proportions", "none"}});
  EXPECT_EQ(result.dim("edge"), number_of_edges(llama_.model->spec()));
  EXPECT_NO_THROW(edge_of(result, "embed", "L0KV1.k"));
  EXPECT_NO_THROW(edge_of(result, "L0H3", "L1H2.q"));
}

TEST_F(Requests, WholeAttentionsWriteWhereANormFollowsThem) {
  TransformerSpec spec = small_llama_spec();
  spec.norm_placement = NormPlacement::after_sublayer;
  EdgeBench bench(random_model(spec, 6, at::kFloat, 0.3), kClean);
  const Dataset result = run(bench, {{"steps", "256"}});
  EXPECT_NO_THROW(edge_of(result, "0_attn_out", "L1H0.q"));
  expect_receipts_hold(result);
}

TEST_F(Requests, RecordsItsOptions) {
  const Dataset result = run(gpt2_, {});
  for (const ParameterSpec& parameter : EdgeAttributionTool::kParameters) {
    const std::string name = parameter.name;  // the second prompt is source_token
    EXPECT_TRUE(name.starts_with("corrupted") || result.attributes.contains(name)) << name;
  }
}

TEST_F(Requests, EdgesOfGivenNodesAreKeptTogether) {
  const Dataset result = run(gpt2_, {{"level", "node"}, {"proportions", "0.5"}});
  const auto& sources = result["source"].strings;
  std::map<std::string, std::int64_t> kept;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto in = value_at(result, "in_circuit", {0, static_cast<std::int64_t>(i)});
    const auto [found, is_new] = kept.emplace(sources[i], static_cast<std::int64_t>(in));
    EXPECT_EQ(found->second, static_cast<std::int64_t>(in)) << sources[i];
  }
  std::int64_t nodes = 0;
  for (const auto& [source, in] : kept) nodes += in;
  EXPECT_EQ(nodes, std::ssize(kept) / 2);
}

// Zeros everywhere: only positions and biases are left, as in a model whose weights that write are
// 0.
TEST_F(Requests, ZeroAblationOfEverythingLeavesWhatIsNotANode) {
  const Graph graph = graph_of(gpt2_.model->spec());
  EdgeAttributionOptions options;
  options.ablation = "zero";
  const auto count = std::ssize(graph.edges);
  const CircuitMetrics found =
      gpt2_.tool.run_circuits(gpt2_.tokens, gpt2_.tokens_of(kCorrupted), Target::token(6),
                              at::zeros({1, count}, at::kBool), options);
  EXPECT_EQ(found.metrics.front(), found.none);
  Hooks hooks;
  const auto zero = [](const at::Tensor& x, const HookPoint&) { return at::zeros_like(x); };
  hooks.replace("hook_embed", zero);
  hooks.replace("blocks.*.attn.hook_z", zero);
  hooks.replace("blocks.*.hook_mlp_out", zero);
  const at::Tensor logits =
      gpt2_.model->forward(make_batch(gpt2_.tokens), {}, hooks).logits[0][-1].to(at::kDouble);
  EXPECT_NEAR(found.none, logits.log_softmax(-1)[6].item<double>(), 1e-5);
}

/// Means over all positions of two prompts by plain runs, by hook point.
std::map<std::string, at::Tensor> means_of(const Model& model, const std::vector<Tokens>& prompts) {
  std::map<std::string, at::Tensor> sums;
  std::int64_t positions = 0;
  Hooks hooks;
  for (const char* glob : {"hook_embed", "blocks.*.attn.hook_z", "blocks.*.hook_mlp_out"})
    hooks.read(glob, [&](const at::Tensor& x, const HookPoint& point) {
      const at::Tensor sum = x[0].to(at::kDouble).sum(0);
      at::Tensor& known = sums[point.name];
      known = known.defined() ? known.add(sum) : sum;
    });
  for (const Tokens& one : prompts) {
    model.forward(make_batch(one), {}, hooks);
    positions += one.size();
  }
  for (auto& [name, sum] : sums) sum = sum.div(static_cast<double>(positions));
  return sums;
}

// Without an edge, every node writes its mean; with the edges that leave the embedding, what they
// change reaches the logits by one edge alone, since every other node still writes its mean.
TEST_F(Requests, MeanAblationIsARunInWhichNodesWriteTheirMeans) {
  const std::vector<Tokens> prompts = {gpt2_.tokens, gpt2_.tokens_of({9, 1, 4})};
  ContextAccess::set_reference_prompts(gpt2_.context, [&] { return prompts; });
  const Graph graph = graph_of(gpt2_.model->spec());
  at::Tensor circuits = at::zeros({2, std::ssize(graph.edges)}, at::kBool);
  for (std::size_t e = 0; e < graph.edges.size(); ++e)
    if (graph.edges[e].sender == 0) circuits[1][static_cast<std::int64_t>(e)] = true;
  EdgeAttributionOptions options;
  options.ablation = "mean";
  const CircuitMetrics found = gpt2_.tool.run_circuits(gpt2_.tokens, gpt2_.tokens_of(kCorrupted),
                                                       Target::token(6), circuits, options);
  const auto means = means_of(*gpt2_.model, prompts);
  const auto metric = [&](bool with_embedding) {
    Hooks hooks;
    const auto mean = [&](const at::Tensor& x, const HookPoint& point) {
      return means.at(point.name).to(at::kFloat).expand(x.sizes()).contiguous();
    };
    if (!with_embedding) hooks.replace("hook_embed", mean);
    hooks.replace("blocks.*.attn.hook_z", mean);
    hooks.replace("blocks.*.hook_mlp_out", mean);
    const at::Tensor logits =
        gpt2_.model->forward(make_batch(gpt2_.tokens), {}, hooks).logits[0][-1].to(at::kDouble);
    return logits.log_softmax(-1)[6].item<double>();
  };
  EXPECT_NEAR(found.none, metric(false), 1e-5);
  EXPECT_NEAR(found.metrics.at(0), metric(false), 1e-5);
  EXPECT_NEAR(found.metrics.at(1), metric(true), 1e-5);
  EXPECT_NEAR(found.all, found.clean, 1e-5);
}

TEST_F(Requests, MeanAblationNeedsSeveralPrompts) {
  EXPECT_THAT(fault(gpt2_, {{"ablation", "mean"}}), HasSubstr("expected at least 2"));
  EXPECT_THAT(fault(gpt2_, {{"reference", "some.txt"}}), HasSubstr("only ablation mean uses it"));
}

TEST(Circuits, GrowBackFromTheLogitsAlongTheBestEdge) {
  TransformerSpec spec = small_gpt2_spec();
  const Graph graph = graph_of(spec);
  // The best edge of all is in block 0, but nothing leads from there to the logits yet.
  at::Tensor values = at::zeros({std::ssize(graph.edges)}, at::kDouble);
  std::int64_t best = -1, last = -1;
  for (std::size_t e = 0; e < graph.edges.size(); ++e) {
    const GraphEdge names = names_of(graph, graph.edges[e]);
    if (names.source == "embed" && names.target == "L0H1" && names.slot == "v")
      best = static_cast<std::int64_t>(e);
    if (names.source == "L0H1" && names.target == "logits") last = static_cast<std::int64_t>(e);
  }
  values[best] = 5.0;
  values[last] = 1.0;
  const Order order = grown_from_logits(graph, values);
  EXPECT_EQ(order.size(), graph.edges.size());
  EXPECT_EQ(order[0], last);
  EXPECT_EQ(order[1], best);
  EXPECT_EQ(by_value(values).front(), best);
}

TEST(EdgeReceipts, FailForReplacementsThatActOnNothing) {
  EdgeBench bench(
      testing::faulty(random_model(small_gpt2_spec(), 6, at::kFloat, 0.3), testing::deaf()),
      kClean);
  EdgeAttributionOptions options{.method = "exact"};
  const Dataset result = bench.tool.attribute_edges(bench.tokens, bench.tokens_of(kCorrupted),
                                                    Target::token(7), options);
  expect_fails(result, "no_edge_gives_the_corrupted_run");
}

}  // namespace
}  // namespace lensbench::edges
