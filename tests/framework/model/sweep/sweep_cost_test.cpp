// Costs of sweeps of models of latent attention, from the sizes of their matrices.
#include <gtest/gtest.h>

#include <lensbench/model.hpp>
#include <lensbench/sweep.hpp>
#include <memory>
#include <string>

#include "support/folders.hpp"

namespace lensbench {
namespace {

/// Cost of one cell of a text of six tokens, written at a position of the stream before block 0.
SweepCost cost_from(const std::string& sample, std::int64_t position) {
  const auto model = Model::open(testing::data_folder() + "/models/" + sample);
  SweepCell cell;
  cell.writes.push_back({"resid_pre", 0, {position}});
  return sweep_cost(model->spec(), 6, {cell});
}

// Width 24, four heads with keys of 10 and values of 5, vectors of 10 and 12, rotated parts of 4:
// 24 * 10 + 10 * 40 + 24 * 16 + 12 * 4 * 11 + 20 * 24 = 2032 weights of attention in a block. One
// dense block of 40 neurons and two blocks of two experts and a shared one, of 10 neurons each:
// 3 * 24 * (40 + 30 + 30) / 3 = 2400 weights of the MLP of a block.
TEST(SweepCostOfLatentAttention, CountsTheWeightsThatActOnEachPosition) {
  const SweepCost cost = cost_from("deepseek_v3", 0);
  EXPECT_EQ(cost.position_blocks, 18);
  EXPECT_EQ(cost.flops, 2.0 * 18 * (2032 + 2400));
}

// Queries of V2-Lite are made of the stream: 24 * 40 in place of 24 * 10 + 10 * 40. Its two shared
// experts are as wide as the difference to the dense block.
TEST(SweepCostOfLatentAttention, CountsQueriesThatAreMadeOfTheStream) {
  EXPECT_EQ(cost_from("deepseek_v2-lite", 0).flops, 2.0 * 18 * (2352 + 3 * 24 * 40));
}

// Positions 0 and 1 of three blocks are not run again, but their keys and values are made again.
TEST(SweepCostOfLatentAttention, CountsKeysAndValuesThatAreMadeAgain) {
  const SweepCost cost = cost_from("deepseek_v3", 2);
  EXPECT_EQ(cost.position_blocks, 12);
  EXPECT_EQ(cost.flops, 2.0 * (12 * (2032 + 2400) + 6 * 12 * 4 * 11));
}

// DeepSeek-V3 (arXiv:2412.19437): 512 numbers of the vector and 64 rotated ones.
TEST(SweepCostOfLatentAttention, KeepsLatentVectorsInPlaceOfKeysAndValues) {
  TransformerSpec spec;
  spec.attention.n_heads = spec.attention.n_key_value_heads = 128;
  spec.attention.d_head = 192;
  LatentAttention& latent = spec.latent.emplace();
  latent.key_value_rank = 512;
  latent.d_rotary = 64;
  latent.d_value = 128;
  EXPECT_EQ(spec.cached_width(), 576);
  EXPECT_EQ(spec.key_value_width(), 128 * (192 + 128));
}

}  // namespace
}  // namespace lensbench
