// Path patching on models whose weights are written by hand, so that every path is known.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "path_fixture.hpp"
#include "support/planted_attention.hpp"
#include "support/planted_facts.hpp"

namespace lensbench::paths {
namespace {

constexpr double kLogit = 2.0;
// Norm-neutral construction: relative error below |x|^2 / (4 B^2).
constexpr double kPlanted = 1e-5;

// The induction head finds the token that followed `t1` before, if the head of block 0 says that
// `t1` preceded it. In the corrupted prompt `t4` preceded it.
class Induction : public ::testing::Test {
 protected:
  Dataset patch(PathPatchingOptions options) {
    options.metric.versus = Target::token(5);
    return bench_.tool.patch_paths(bench_.tokens, corrupted_, Target::token(2), options);
  }
  PathBench bench_{testing::induction_model(10, 21, kLogit).open(), {0, 1, 2, 3, 1}};
  Tokens corrupted_ = bench_.tokens_of({0, 4, 2, 3, 1});
};

TEST_F(Induction, OnlyTheKeysOfTheInductionHeadReadThePreviousToken) {
  const Dataset result = patch({.senders = {"L0H0", "L0H1", "0_mlp_out"}, .receivers = {"all"}});
  EXPECT_NEAR(value_of(result, "base_metric"), kLogit, kLogit * kPlanted);
  EXPECT_NEAR(value_of(result, "gap"), -kLogit, kLogit * kPlanted);
  int paths = 0;
  for (const std::string& sender : result["sender"].strings)
    for (const std::string& receiver : result["receiver"].strings) {
      const double recovery = path_of(result, "recovery", sender, receiver);
      const double effect = path_of(result, "effect", sender, receiver);
      // Impossible pairs are not 0: L0H0 cannot reach the heads of its own block.
      const bool impossible =
          receiver.starts_with("L0") || (sender == "0_mlp_out" && receiver == "0_mlp_in");
      EXPECT_EQ(std::isnan(effect), impossible) << sender << " " << receiver;
      EXPECT_EQ(std::isnan(recovery), impossible) << sender << " " << receiver;
      if (impossible) continue;
      const bool is_path = sender == "L0H0" && receiver == "L1H0.k";
      EXPECT_NEAR(recovery, is_path ? 1.0 : 0.0, kPlanted) << sender << " " << receiver;
      EXPECT_NEAR(effect, is_path ? -kLogit : 0.0, kLogit * kPlanted) << sender << " " << receiver;
      paths += static_cast<int>(is_path);
    }
  EXPECT_EQ(paths, 1);
  expect_receipts_hold(result);
}

TEST_F(Induction, DefaultsAskWhatReachesTheLogits) {
  const Dataset result = patch({});
  for (const std::string& sender : result["sender"].strings)
    EXPECT_NEAR(path_of(result, "recovery", sender, "logits"), sender == "L1H0" ? 1.0 : 0.0,
                kPlanted)
        << sender;
  EXPECT_NEAR(
      result["frozen_norm_effect"].tensor[index_of(result, "sender", "L1H0")].item<double>(),
      -kLogit, kLogit * kPlanted);
  EXPECT_EQ(result["sender"].strings.size(), 6u);
  expect_receipts_hold(result);
}

TEST_F(Induction, EmbeddingReachesTheLogitsThroughThePreviousTokenHead) {
  const Dataset result = patch({.senders = {"embed"}, .receivers = {"heads", "logits"}});
  for (const std::string& receiver : result["receiver"].strings)
    EXPECT_NEAR(path_of(result, "recovery", "embed", receiver), receiver == "L0H0.v" ? 1.0 : 0.0,
                kPlanted)
        << receiver;
}

TEST_F(Induction, ThePathIsThatOfOnePosition) {
  const Dataset result = patch(
      {.senders = {"L0H0"}, .receivers = {"L1H0.k", "L1H0.v", "logits"}, .by_position = true});
  const at::Tensor& recovery = result["recovery"].tensor;  // [sender, receiver, token]
  at::Tensor expected = at::zeros({1, 3, 5}, at::kDouble);
  expected[0][0][2] = 1.0;  // the token after the first t1
  EXPECT_LE((recovery - expected).abs().max().item<double>(), kPlanted) << recovery;
  EXPECT_EQ(result["effect"].dims, (std::vector<std::string>{"sender", "receiver", "token"}));
  expect_receipts_hold(result);
}

TEST_F(Induction, DenoisingRestoresAlongTheSamePath) {
  const Dataset result = patch({.direction = Direction::denoise,
                                .senders = {"L0H0"},
                                .receivers = {"L1H0.q", "L1H0.k", "L1.k"}});
  EXPECT_NEAR(value_of(result, "base_metric"), 0.0, kPlanted);
  EXPECT_NEAR(path_of(result, "effect", "L0H0", "L1H0.k"), kLogit, kLogit * kPlanted);
  EXPECT_NEAR(path_of(result, "recovery", "L0H0", "L1.k"), 1.0, kPlanted);
  EXPECT_NEAR(path_of(result, "recovery", "L0H0", "L1H0.q"), 0.0, kPlanted);
  EXPECT_EQ(std::get<std::string>(result.attributes.at("base_run")), "corrupted");
  expect_receipts_hold(result);
}

// The MLP of block 1 turns the subject into the answer, which L2H0 moves to the end.
class Fact : public ::testing::Test {
 protected:
  Dataset patch(PathPatchingOptions options) {
    options.metric.versus = Target::token(tokens_.answer(1));
    return bench_.tool.patch_paths(bench_.tokens, bench_.tokens_of(tokens_.prompt(1)),
                                   Target::token(tokens_.answer(0)), options);
  }
  testing::FactTokens tokens_;
  PathBench bench_{testing::fact_model(kLogit).open(), tokens_.prompt(0)};
};

// With frozen MLPs a path ends where an MLP would carry it on.
TEST_F(Fact, LongPathsVanishWithFrozenMlps) {
  PathPatchingOptions options{.senders = {"embed", "1_mlp_out"},
                              .receivers = {"1_mlp_in", "L2H0.v", "L2H0.k", "logits"}};
  const Dataset frozen = patch(options);
  options.recompute_mlps = true;
  const Dataset recomputed = patch(options);
  const auto recovery = [&](const Dataset& result, const char* sender, const char* receiver) {
    return path_of(result, "recovery", sender, receiver);
  };
  EXPECT_NEAR(recovery(frozen, "embed", "L2H0.v"), 0.0, kPlanted);
  EXPECT_NEAR(recovery(recomputed, "embed", "L2H0.v"), 1.0, kPlanted);
  for (const Dataset* result : {&frozen, &recomputed}) {
    EXPECT_NEAR(recovery(*result, "embed", "1_mlp_in"), 1.0, kPlanted);
    EXPECT_NEAR(recovery(*result, "1_mlp_out", "L2H0.v"), 1.0, kPlanted);
    EXPECT_NEAR(recovery(*result, "1_mlp_out", "L2H0.k"), 0.0, kPlanted);
    EXPECT_NEAR(recovery(*result, "embed", "logits"), 0.0, kPlanted);
    EXPECT_TRUE(std::isnan(recovery(*result, "1_mlp_out", "1_mlp_in")));
    expect_receipts_hold(*result);
  }
  // The result states which of the two it is.
  EXPECT_EQ(std::get<std::string>(frozen.attributes.at("mlps")), "frozen");
  EXPECT_EQ(std::get<std::string>(recomputed.attributes.at("mlps")), "recomputed");
  EXPECT_NE(frozen.attributes.at("rule"), recomputed.attributes.at("rule"));
  EXPECT_TRUE(frozen.contains("frozen_norm_effect"));
  EXPECT_FALSE(recomputed.contains("frozen_norm_effect"));
}

TEST(Linear, EffectsOfSingleSendersAddUpToTheGap) {
  const std::vector<std::vector<double>> matrix = {
      {0.5, -0.25, 0.125}, {0.25, 0.5, -0.5}, {-0.125, 0.25, 0.75}};
  for (const std::int64_t n_layers : {1, 2}) {
    PathBench bench(testing::linear_model(matrix, n_layers).open(), {0, 1, 2, 0});
    PathPatchingOptions options{.senders = {"embed", "heads", "mlps"}, .receivers = {"logits"}};
    options.metric.versus = Target::token(1);
    const Dataset result = bench.tool.patch_paths(bench.tokens, bench.tokens_of({0, 2, 2, 1}),
                                                  Target::token(0), options);
    const double gap = value_of(result, "gap");
    EXPECT_GT(std::abs(gap), 0.5);
    EXPECT_NEAR(result["effect"].tensor.sum().item<double>(), gap, kPlanted);
    EXPECT_NEAR(result["frozen_norm_effect"].tensor.sum().item<double>(), gap, kPlanted);
    expect_receipts_hold(result);
  }
}

// One block, prompts that differ at position 1 of 4 alone: the head adds a quarter of
// (e_2 - e_1) W at the end, the embedding nothing.
TEST(Linear, OneHeadAddsTheMeanOfTheDifference) {
  const std::vector<std::vector<double>> matrix = {
      {0.5, -0.25, 0.125}, {0.25, 0.5, -0.5}, {-0.125, 0.25, 0.75}};
  PathBench bench(testing::linear_model(matrix).open(), {0, 1, 2, 0});
  PathPatchingOptions options{.senders = {"embed", "heads"}, .receivers = {"logits", "L0.v"}};
  options.metric.versus = Target::token(1);
  options.min_gap = 0.0;
  const Dataset result = bench.tool.patch_paths(bench.tokens, bench.tokens_of({0, 2, 2, 0}),
                                                Target::token(0), options);
  const double expected = ((-0.125 - 0.25) - (0.25 - 0.5)) / 4.0;
  EXPECT_NEAR(path_of(result, "effect", "L0H0", "logits"), expected, kPlanted);
  EXPECT_NEAR(path_of(result, "effect", "embed", "L0.v"), expected, kPlanted);
  EXPECT_EQ(path_of(result, "effect", "embed", "logits"), 0.0);
}

}  // namespace
}  // namespace lensbench::paths
