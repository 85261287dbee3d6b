// Against TransformerLens and networkx (tests/parity/attention_reference.py), and against float64
// by the definitions.
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/where.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attention_fixture.hpp"

namespace lensbench::attention {
namespace {

// Float32 patterns against float64.
constexpr double kFloat32 = 2e-6;

struct Setting {
  bool first, current;
  std::string suffix() const {
    return std::string(first ? "_first" : "") + (current ? "_current" : "");
  }
};

class AttentionReference : public ::testing::Test {
 protected:
  AttentionReference()
      : expected_(
            nlohmann::json::parse(std::ifstream(testing::data_folder() + "/attention/gpt2.json"))),
        bench_(Model::open(testing::data_folder() + "/layer_attribution/gpt2"),
               expected_["ids"].get<std::vector<std::int64_t>>()) {}

  void expect_scores(const Dataset& found, const std::string& variable, const std::string& measure,
                     double tolerance) {
    for (const auto& [name, blocks] : expected_["scores"][measure].items())
      for (std::int64_t block = 0; block < 3; ++block)
        for (std::int64_t head = 0; head < 2; ++head)
          EXPECT_NEAR(value_at(found, variable, {detector(found, name), block, head}),
                      blocks[static_cast<std::size_t>(block)][static_cast<std::size_t>(head)],
                      tolerance)
              << measure << " " << name << " L" << block << "H" << head;
  }

  nlohmann::json expected_;
  AttentionBench bench_;
};

TEST_F(AttentionReference, ScoresHeadsAsTransformerLensDoes) {
  for (const Setting& setting :
       {Setting{false, false}, {true, false}, {false, true}, {true, true}}) {
    const Dataset found = bench_.tool.analyze(
        bench_.tokens, {.exclude_first = setting.first, .exclude_current = setting.current});
    expect_scores(found, "detector_share", "mul" + setting.suffix(), kFloat32);
    // TransformerLens rounds to three digits.
    expect_scores(found, "detector_match", "abs" + setting.suffix(), 5.1e-4);
  }
}

TEST_F(AttentionReference, PassesInformationAsMatrixProductsDo) {
  AttentionOptions options;
  options.flow = {"rollout", "max_flow"};
  options.residual_weight = expected_["residual_weight"];
  const Dataset found = bench_.tool.analyze(bench_.tokens, options);
  for (std::int64_t i = 0; i < bench_.tokens.size(); ++i) {
    const auto row = static_cast<std::size_t>(i);
    EXPECT_NEAR(value_at(found, "max_flow", {i}), expected_["max_flow"][row], kFloat32) << i;
    for (std::int64_t j = 0; j < bench_.tokens.size(); ++j)
      EXPECT_NEAR(value_at(found, "rollout", {3, i, j}),
                  expected_["rollout"][row][static_cast<std::size_t>(j)], kFloat32);
  }
}

/// |A_ij v_j W_O| with all vectors made, [head, query, key].
at::Tensor written(AttentionBench& bench, std::int64_t block) {
  const at::Tensor pattern = read(bench, block_hook(block, "hook_pattern"));
  const at::Tensor output = bench.model->weight(block_hook(block, "W_O")).to(at::kDouble);
  const at::Tensor value = read(bench, block_hook(block, "hook_v"));
  const std::int64_t group = pattern.size(0) / value.size(1);
  std::vector<at::Tensor> heads;
  for (std::int64_t head = 0; head < pattern.size(0); ++head) {
    const at::Tensor vectors = at::matmul(value.select(1, head / group), output[head]);
    heads.push_back((pattern[head].unsqueeze(-1) * vectors.unsqueeze(0)).norm(2, -1));
  }
  return at::stack(heads);
}

/// Checks every number by token against its definition in float64.
void expect_definitions(AttentionBench& bench) {
  const Dataset found = bench.tool.analyze(bench.tokens, {.top_k = 2});
  for (std::int64_t block = 0; block < bench.model->spec().n_layers; ++block) {
    const at::Tensor pattern = read(bench, block_hook(block, "hook_pattern"));
    const std::int64_t n = pattern.size(1);
    const at::Tensor positions = at::arange(n, at::kDouble);
    const at::Tensor entropy = -(pattern * at::where(pattern > 0, pattern, 1.0).log()).sum(-1);
    EXPECT_LT(testing::largest_difference(found["entropy"].tensor[block], entropy), 1e-12);
    const at::Tensor distance =
        (pattern * (positions.unsqueeze(1) - positions.unsqueeze(0))).sum(-1);
    EXPECT_LT(testing::largest_difference(found["mean_distance"].tensor[block], distance), 1e-12);
    const at::Tensor mass = written(bench, block);
    EXPECT_LT(testing::largest_difference(found["first_token_weighted_mass"].tensor[block],
                                          mass.select(-1, 0) / mass.sum(-1)),
              1e-9);
    EXPECT_TRUE(found["first_token_mass"].tensor[block].equal(pattern.select(-1, 0)));
    EXPECT_TRUE(found["pattern"].tensor[block].to(at::kDouble).equal(pattern));
    const at::Tensor best = pattern.argmax(-1);
    EXPECT_TRUE(found["top_key"].tensor[block].select(-1, 0).equal(best.to(at::kInt)));
    EXPECT_TRUE(
        found["top_weight"].tensor[block].select(-1, 0).equal(std::get<0>(pattern.max(-1))));
  }
  expect_receipts_hold(found);
}

TEST(AttentionDefinitions, HoldForLearnedPositions) {
  AttentionBench bench(sample("gpt2"), {3, 17, 5, 5, 11, 23});
  expect_definitions(bench);
}

TEST(AttentionDefinitions, HoldForGroupedHeads) {
  AttentionBench bench(sample("llama-gqa"), {3, 17, 5, 5, 11, 23});
  ASSERT_LT(bench.model->spec().attention.n_key_value_heads, bench.model->spec().attention.n_heads);
  expect_definitions(bench);
}

TEST(AttentionDefinitions, HoldWhereAttentionSeesBothSides) {
  AttentionBench bench(sample("bert"), {3, 17, 5, 5, 11, 23});
  ASSERT_FALSE(bench.model->spec().attention.causal);
  expect_definitions(bench);
  const Dataset found = bench.tool.analyze(bench.tokens, {});
  const double entropy = value_at(found, "entropy", {0, 0, 0});
  EXPECT_NEAR(value_at(found, "normalized_entropy", {0, 0, 0}), entropy / std::log(6.0), 1e-12);
}

TEST(AttentionDefinitions, CountTheKeysOfAWindow) {
  AttentionBench bench(sample("mistral"), {3, 17, 5, 5, 11, 23, 9, 1, 2, 30, 31, 32});
  const std::int64_t window = bench.model->spec().attention.window(0);
  ASSERT_GT(window, 1);
  ASSERT_LT(window, bench.tokens.size());
  const Dataset found = bench.tool.analyze(bench.tokens, {});
  const std::int64_t last = bench.tokens.size() - 1;
  EXPECT_NEAR(value_at(found, "normalized_entropy", {0, 0, last}),
              value_at(found, "entropy", {0, 0, last}) / std::log(static_cast<double>(window)),
              1e-12);
  EXPECT_EQ(value_at(found, "first_token_mass", {0, 0, last}), 0.0);
  expect_receipts_hold(found);
}

TEST(AttentionDefinitions, CountTheKeysOfAChunk) {
  AttentionBench bench(sample("llama4"), {3, 17, 5, 5, 11, 23, 9, 1, 2, 30, 31, 32});
  ASSERT_EQ(bench.model->spec().attention.window(0), -6);
  const Dataset found = bench.tool.analyze(bench.tokens, {});
  // Positions 6 to 11 are a chunk, of which the query at 10 sees five keys.
  EXPECT_NEAR(value_at(found, "normalized_entropy", {0, 0, 10}),
              value_at(found, "entropy", {0, 0, 10}) / std::log(5.0), 1e-12);
  EXPECT_EQ(value_at(found, "first_token_mass", {0, 0, 10}), 0.0);
  EXPECT_GT(value_at(found, "first_token_mass", {0, 0, 5}), 0.0);
  expect_receipts_hold(found);
}

}  // namespace
}  // namespace lensbench::attention
