// Order in which neurons and heads are pruned, and the pruned forward.
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <lensbench/intervention.hpp>
#include <string>
#include <vector>

#include "layer_surgery/measure.hpp"
#include "layer_surgery/prune.hpp"
#include "support/random_model.hpp"
#include "surgery_fixture.hpp"

namespace lensbench::surgery {
namespace {

class Pruning : public ::testing::Test {
 protected:
  Bench bench_{random_model(small_gpt2_spec(), 5, at::kFloat, 0.3), {3, 17, 5, 5, 11, 0, 23}};
};

TEST_F(Pruning, ByWeightNormTakesTheSmallestProductFirst) {
  LayerSurgeryOptions options;
  const Ranking ranking = ranked(*bench_.model, {}, "weight_norm", options, 0, 0);
  const auto norm = [&](std::int64_t flat) {
    const std::string block = "blocks." + std::to_string(flat / 40) + ".mlp.";
    return bench_.model->weight(block + "W_in").select(1, flat % 40).norm().item<double>() *
           bench_.model->weight(block + "W_out")[flat % 40].norm().item<double>();
  };
  ASSERT_EQ(ranking.order.size(), 120u);
  for (std::size_t i = 1; i < ranking.order.size(); ++i)
    EXPECT_LE(norm(ranking.order[i - 1]), norm(ranking.order[i]) * (1 + 1e-6));
}

TEST_F(Pruning, HeadsByContributionTakesTheSmallestMeanOutputFirst) {
  LayerSurgeryOptions options;
  options.parts = "heads";
  const Ranking ranking = ranked(*bench_.model, {bench_.tokens}, "contribution", options, 0, 0);
  const auto results = bench_.context.activations(bench_.tokens, {"blocks.*.attn.hook_result"});
  const auto mean = [&](std::int64_t flat) {
    return results.at("blocks." + std::to_string(flat / 3) + ".attn.hook_result")[0]
        .select(1, flat % 3)
        .norm(2, -1)
        .mean()
        .item<double>();
  };
  ASSERT_EQ(ranking.order.size(), 9u);
  for (std::size_t i = 1; i < 9; ++i) EXPECT_LT(mean(ranking.order[i - 1]), mean(ranking.order[i]));
}

TEST_F(Pruning, PrunedNeuronsEqualAnIntervention) {
  LayerSurgeryOptions options;
  const Ranking ranking = ranked(*bench_.model, {}, "weight_norm", options, 0, 0);
  const PruneMasks masks = masks_of(bench_.model->spec(), ranking, 30, false);
  std::vector<Intervention> zeros;
  for (std::int64_t i = 0; i < 30; ++i) {
    InterventionSite site;
    const std::int64_t flat = ranking.order[static_cast<std::size_t>(i)];
    site.hook = "blocks." + std::to_string(flat / 40) + ".mlp.hook_post";
    site.neurons = {flat % 40};
    zeros.push_back({site, SetZero{}});
  }
  const Window window = read_window(*bench_.model, bench_.tokens);
  const auto cut = with_interventions(bench_.model, zeros);
  EXPECT_TRUE(
      at::equal(run_pruned(*bench_.model, window, masks), cut->forward(window.batch).residual));
}

TEST_F(Pruning, RandomOrdersDependOnTheSeedOnly) {
  LayerSurgeryOptions options;
  const auto order = [&](std::uint64_t seed, std::int64_t draw) {
    return ranked(*bench_.model, {}, "random", options, seed, draw).order;
  };
  EXPECT_EQ(order(1, 0), order(1, 0));
  EXPECT_NE(order(1, 0), order(2, 0));
  EXPECT_NE(order(1, 0), order(1, 1));
}

}  // namespace
}  // namespace lensbench::surgery
