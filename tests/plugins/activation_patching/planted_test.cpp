// Activation patching on a model whose one fact is written by hand: block 1's MLP looks the answer
// up at the subject, L2H0 brings it to the last position. Expected values follow from that.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "patching_fixture.hpp"
#include "support/planted_facts.hpp"

namespace lensbench::patching {
namespace {

constexpr double kLogit = 2.0;
// Norm-neutral construction: relative error below |x|^2 / (4 B^2).
constexpr double kPlanted = 1e-5;
constexpr std::int64_t kSubject = 1, kLast = 2;

class Planted : public ::testing::Test {
 protected:
  Dataset patch(ActivationPatchingOptions options) {
    options.metric.versus = Target::token(tokens_.answer(1));
    return bench_.tool.patch(bench_.tokens, corrupted_, Target::token(tokens_.answer(0)), options);
  }
  /// 1 at the given places of [block, token], else 0.
  static at::Tensor ones_at(const std::vector<std::pair<std::int64_t, std::int64_t>>& places) {
    at::Tensor expected = at::zeros({4, 3}, at::kDouble);
    for (const auto& [block, token] : places) expected[block][token] = 1.0;
    return expected;
  }
  static void expect_near(const at::Tensor& found, const at::Tensor& expected) {
    const double size = std::max(1.0, expected.abs().max().item<double>());
    EXPECT_LE((found - expected).abs().max().item<double>(), kPlanted * size) << found;
  }

  testing::FactTokens tokens_;
  PatchingBench bench_{testing::fact_model(kLogit).open(), tokens_.prompt(0)};
  Tokens corrupted_ = bench_.tokens_of(tokens_.prompt(1));
};

TEST_F(Planted, StreamCarriesTheFactAtTheSubjectAndThenAtTheEnd) {
  const Dataset result = patch({});
  EXPECT_NEAR(value_of(result, "base_metric"), -kLogit, kLogit * kPlanted);
  EXPECT_NEAR(value_of(result, "source_metric"), kLogit, kLogit * kPlanted);
  EXPECT_NEAR(value_of(result, "gap"), 2 * kLogit, 2 * kLogit * kPlanted);
  const at::Tensor stream = ones_at({{0, kSubject}, {1, kSubject}, {2, kSubject}, {3, kLast}});
  expect_near(result["resid_pre_recovery"].tensor, stream);
  expect_near(result["resid_pre_effect"].tensor, stream * 2 * kLogit);
  expect_near(result["mlp_out_recovery"].tensor, ones_at({{1, kSubject}}));
  expect_near(result["attn_out_recovery"].tensor, ones_at({{2, kLast}}));
  expect_receipts_hold(result);
}

TEST_F(Planted, OneHeadBringsTheFact) {
  const at::Tensor heads = patch({})["z_head_recovery"].tensor;  // [block, head, token]
  at::Tensor expected = at::zeros({4, 1, 3}, at::kDouble);
  expected[2][0][kLast] = 1.0;
  expect_near(heads, expected);
}

TEST_F(Planted, ValuesCarryWhatPatternsAndQueriesDoNot) {
  ActivationPatchingOptions options;
  options.points = {};
  options.head_points = {"q", "k", "v", "pattern"};
  const Dataset result = patch(options);
  const at::Tensor nothing = at::zeros({4, 1, 3}, at::kDouble);
  at::Tensor values = nothing.clone();
  values[2][0][kSubject] = 1.0;
  expect_near(result["v_head_recovery"].tensor, values);
  for (const char* name : {"q_head_recovery", "k_head_recovery", "pattern_head_recovery"})
    expect_near(result[name].tensor, nothing);
}

TEST_F(Planted, NoiseHasTheOppositeSignAndTheSameRecovery) {
  ActivationPatchingOptions options;
  options.direction = Direction::noise;
  const Dataset result = patch(options);
  EXPECT_NEAR(value_of(result, "gap"), -2 * kLogit, 2 * kLogit * kPlanted);
  expect_near(result["mlp_out_effect"].tensor, ones_at({{1, kSubject}}) * -2 * kLogit);
  expect_near(result["mlp_out_recovery"].tensor, ones_at({{1, kSubject}}));
  EXPECT_EQ(std::get<std::string>(result.attributes.at("base_run")), "clean");
  EXPECT_EQ(result["input_token"].strings[1], "s1");
  EXPECT_EQ(result["source_token"].strings[1], "s2");
  expect_receipts_hold(result);
}

TEST_F(Planted, AllPositionsAtOnce) {
  ActivationPatchingOptions options;
  options.by_position = false;
  const Dataset result = patch(options);
  expect_near(result["resid_pre_recovery"].tensor, at::ones({4}, at::kDouble));
  expect_near(result["mlp_out_recovery"].tensor, at::tensor({0.0, 1.0, 0.0, 0.0}, at::kDouble));
  expect_near(result["attn_out_recovery"].tensor, at::tensor({0.0, 0.0, 1.0, 0.0}, at::kDouble));
  at::Tensor heads = at::zeros({4, 1}, at::kDouble);
  heads[2][0] = 1.0;
  expect_near(result["z_head_recovery"].tensor, heads);
  EXPECT_EQ(result["z_head_recovery"].dims, (std::vector<std::string>{"block", "head"}));
  expect_receipts_hold(result);
}

TEST_F(Planted, ZeroAndOtherMetrics) {
  ActivationPatchingOptions options;
  options.by_position = false;
  options.metric.metric = Metric::probability;
  options.points = {"mlp_out"};
  const double others = static_cast<double>(tokens_.size()) - 1;
  const double p = std::exp(kLogit) / (std::exp(kLogit) + others), even = 1 / (others + 1);
  const Dataset result =
      bench_.tool.ablate(bench_.tokens, "zero", Target::token(tokens_.answer(0)), options);
  EXPECT_NEAR(value_of(result, "base_metric"), p, kPlanted);
  const at::Tensor lost = at::tensor({0.0, even - p, 0.0, 0.0}, at::kDouble);
  expect_near(result["mlp_out_effect"].tensor, lost);
  EXPECT_FALSE(result.contains("mlp_out_recovery"));
  options.metric.metric = Metric::kl;
  const double kl = p * std::log(p / even) + (1 - p) * std::log((1 - p) / (1 - even));
  const Dataset divergence =
      bench_.tool.ablate(bench_.tokens, "zero", Target::token(tokens_.answer(0)), options);
  EXPECT_NEAR(value_of(divergence, "base_metric"), 0.0, 1e-12);
  EXPECT_NEAR(divergence["mlp_out_effect"].tensor[1].item<double>(), kl, kPlanted);
  EXPECT_EQ(divergence["mlp_out_effect"].units, "nats");
}

TEST_F(Planted, SmallGapKeepsTheEffectsAndLeavesOutRecoveries) {
  ActivationPatchingOptions options;
  options.min_gap = 100.0;
  const Dataset result = patch(options);
  EXPECT_TRUE(result["mlp_out_recovery"].tensor.isnan().all().item<bool>());
  expect_near(result["mlp_out_effect"].tensor, ones_at({{1, kSubject}}) * 2 * kLogit);
}

}  // namespace
}  // namespace lensbench::patching
