// Edge attribution on models whose weights are written by hand, so that every edge is known.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <cmath>

#include "edge_attribution/graph.hpp"
#include "edge_fixture.hpp"
#include "support/planted_attention.hpp"
#include "support/planted_facts.hpp"

namespace lensbench::edges {
namespace {

constexpr double kLogit = 2.0;
// Norm-neutral construction: relative error below |x|^2 / (4 B^2).
constexpr double kPlanted = 1e-5;

// The induction head finds the token that followed `t1` before, if the head of block 0 says that
// `t1` preceded it. In the corrupted prompt `t4` preceded it. Three edges carry all of it.
class Induction : public ::testing::Test {
 protected:
  static Dataset scores(EdgeBench& bench, EdgeAttributionOptions options) {
    options.metric.versus = Target::token(5);
    return bench.tool.attribute_edges(bench.tokens, bench.tokens_of({0, 4, 2, 3, 1}),
                                      Target::token(2), options);
  }
  static bool is_planted(const Dataset& result, std::int64_t edge) {
    return edge == edge_of(result, "embed", "L0H0.v") ||
           edge == edge_of(result, "L0H0", "L1H0.k") ||
           edge == edge_of(result, "L1H0", "logits.in");
  }
  EdgeBench saturated_{testing::induction_model(10, 21, kLogit).open(), {0, 1, 2, 3, 1}};
  EdgeBench bending_{testing::induction_model(10, 21, kLogit, 4.0).open(), {0, 1, 2, 3, 1}};
};

TEST_F(Induction, ThreeEdgesCarryTheWholeEffectEach) {
  const Dataset result = scores(saturated_, {.method = "exact", .proportions = {}});
  EXPECT_NEAR(value_at(result, "gap"), -kLogit, kLogit * kPlanted);
  const std::int64_t count = result.dim("edge");
  EXPECT_EQ(count, 46);
  for (std::int64_t edge = 0; edge < count; ++edge)
    EXPECT_NEAR(value_at(result, "importance", {edge}), is_planted(result, edge) ? kLogit : 0.0,
                kLogit * kPlanted)
        << edge;
  EXPECT_FALSE(result.contains("node_score"));
  expect_receipts_hold(result);
}

// floor(0.066 * 46) = 3.
TEST_F(Induction, TheCircuitOfTheThreeEdgesGivesTheWholeMetric) {
  for (const char* select : {"top", "greedy"}) {
    const Dataset result = scores(
        saturated_, {.method = "exact", .select = select, .proportions = {0.02, 0.044, 0.066, 1}});
    EXPECT_EQ(result["edges_kept"].tensor.to(at::kLong).sum().item<std::int64_t>(), 0 + 2 + 3 + 46);
    for (std::int64_t ranking = 0; ranking < 2; ++ranking) {
      const at::Tensor found = result["faithfulness"].tensor[ranking];
      // Two of the three edges give nothing: the path is broken.
      EXPECT_LE((found - at::tensor({0.0, 0.0, 1.0, 1.0}, at::kDouble)).abs().max().item<double>(),
                kPlanted)
          << select << found;
    }
    const at::Tensor kept = result["in_circuit"].tensor[2];
    for (std::int64_t edge = 0; edge < 46; ++edge)
      EXPECT_EQ(kept[edge].item<std::int64_t>(), is_planted(result, edge) ? 1 : 0) << edge;
    // Trapezoids by hand: 0 to share 0.044, half of the next step, 1 from 0.066 on.
    EXPECT_NEAR(value_at(result, "cpr"), 0.011 + 0.934, kPlanted);
    EXPECT_NEAR(value_at(result, "cmd"), 0.024 + 0.011, kPlanted);
    expect_receipts_hold(result);
  }
}

// The pattern of a gap of 40 is flat there: the gradient does not see what the run does.
TEST_F(Induction, AGradientDoesNotSeeTheKeysOfASaturatedPattern) {
  const Dataset result = scores(saturated_, {.method = "eap", .proportions = {}});
  EXPECT_NEAR(score_of(result, "L0H0", "L1H0.k"), 0.0, kPlanted);
  EXPECT_NEAR(score_of(result, "embed", "L0H0.v"), 0.0, kPlanted);
  EXPECT_NEAR(score_of(result, "L1H0", "logits.in"), -kLogit, kLogit * kPlanted);
}

TEST_F(Induction, TheIntegralRanksTheThreeEdgesFirstWhereThePatternBends) {
  for (const char* method : {"ig_inputs", "ig_activations"}) {
    const Dataset result = scores(bending_, {.method = method, .steps = 20, .proportions = {}});
    double least = 1e9, most = 0;
    for (std::int64_t edge = 0; edge < result.dim("edge"); ++edge) {
      const double importance = value_at(result, "importance", {edge});
      if (is_planted(result, edge))
        least = std::min(least, importance);
      else
        most = std::max(most, std::abs(importance));
    }
    EXPECT_GT(least, most) << method;
    EXPECT_GT(least, 0.5) << method;
    expect_receipts_hold(result);
  }
}

// The left rule does not visit the clean end, where the gradient is that of `eap`.
TEST_F(Induction, RulesVisitThePointsThatTheirDefinitionSays) {
  const Dataset eap = scores(bending_, {.method = "eap", .proportions = {}});
  const Dataset both = scores(bending_, {.method = "clean_corrupted", .proportions = {}});
  const Dataset left =
      scores(bending_, {.method = "ig_inputs", .steps = 1, .rule = "left", .proportions = {}});
  const Dataset middle =
      scores(bending_, {.method = "ig_inputs", .steps = 2, .rule = "left", .proportions = {}});
  const Dataset midpoint = scores(bending_, {.method = "ig_inputs", .steps = 1, .proportions = {}});
  const auto edges = [](const Dataset& result) { return result["edge_score"].tensor; };
  // (left at 0) = 2 both - eap; (left at 0 and 1/2) = (left at 0 + midpoint) / 2.
  EXPECT_LE((edges(left) - (2 * edges(both) - edges(eap))).abs().max().item<double>(), kPlanted);
  EXPECT_LE((2 * edges(middle) - edges(left) - edges(midpoint)).abs().max().item<double>(),
            kPlanted);
  EXPECT_GT((edges(left) - edges(eap)).abs().max().item<double>(), 0.01);
}

// Logits are linear in the stream, so that the prediction is exact.
TEST(Linear, AllMethodsAgree) {
  const std::vector<std::vector<double>> matrix = {
      {0.5, -0.25, 0.125}, {0.25, 0.5, -0.5}, {-0.125, 0.25, 0.75}};
  for (const std::int64_t n_layers : {1, 2}) {
    EdgeBench bench(testing::linear_model(matrix, n_layers).open(), {0, 1, 2, 0});
    EdgeAttributionOptions options;
    options.metric.versus = Target::token(1);
    options.method = "exact";
    const Tokens corrupted = bench.tokens_of({0, 2, 2, 1});
    const Dataset exact =
        bench.tool.attribute_edges(bench.tokens, corrupted, Target::token(0), options);
    EXPECT_GT(std::abs(value_at(exact, "gap")), 0.5);
    for (const char* method : {"eap", "clean_corrupted", "ig_inputs", "ig_activations"}) {
      options.method = method;
      const Dataset found =
          bench.tool.attribute_edges(bench.tokens, corrupted, Target::token(0), options);
      EXPECT_LE(
          (found["edge_score"].tensor - exact["edge_score"].tensor).abs().max().item<double>(),
          kPlanted)
          << method << " with " << n_layers;
      expect_receipts_hold(found);
    }
  }
}

// The MLP of block 1 turns the subject into the answer, which L2H0 moves to the end.
TEST(Fact, TheChainOfEdgesIsFound) {
  const testing::FactTokens tokens;
  EdgeBench bench(testing::fact_model(kLogit).open(), tokens.prompt(0));
  EdgeAttributionOptions options{.method = "exact", .proportions = {}};
  options.metric.versus = Target::token(tokens.answer(1));
  const Dataset result = bench.tool.attribute_edges(bench.tokens, bench.tokens_of(tokens.prompt(1)),
                                                    Target::token(tokens.answer(0)), options);
  const double gap = value_at(result, "gap");
  for (const auto& [source, reader] :
       {std::pair("embed", "1_mlp_out.in"), std::pair("1_mlp_out", "L2H0.v"),
        std::pair("L2H0", "logits.in")})
    EXPECT_NEAR(score_of(result, source, reader), gap, std::abs(gap) * kPlanted) << source;
  EXPECT_NEAR(score_of(result, "embed", "logits.in"), 0.0, kPlanted);
}

TransformerSpec shape_of(std::int64_t layers, std::int64_t heads) {
  TransformerSpec spec;
  spec.n_layers = layers;
  spec.attention.n_heads = spec.attention.n_key_value_heads = heads;
  return spec;
}

// Numbers of edges that the papers give for these shapes (EAP: 32,491 for GPT-2 small).
TEST(Graph, HasThePublishedNumberOfEdges) {
  EXPECT_EQ(number_of_edges(shape_of(12, 12)), 32491);
  EXPECT_EQ(number_of_edges(shape_of(6, 4)), 1108);
  EXPECT_EQ(std::ssize(graph_of(shape_of(12, 12)).edges), 32491);
  EXPECT_EQ(std::ssize(graph_of(shape_of(6, 4)).edges), 1108);
}

}  // namespace
}  // namespace lensbench::edges
