#include "model/forward/mixture/sparse_mixer.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

// The router of Phi-3.5-MoE (arXiv:2409.12136, and `sparsemixer` of transformers 5.24), by hand: an
// expert is near the best if (best - score) / max(|score|, best) is at most twice the jitter.

namespace lensbench {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

constexpr double kJitter = 0.01;

std::vector<double> doubles_of(const at::Tensor& x) {
  const at::Tensor wide = x.to(at::kDouble).contiguous();
  return {wide.data_ptr<double>(), wide.data_ptr<double>() + wide.numel()};
}

MixerRouting routing_of(const std::vector<double>& scores, double jitter = kJitter,
                        at::ScalarType type = at::kFloat) {
  return sparse_mixer(at::tensor(scores, at::kDouble).to(type).unsqueeze(0), jitter);
}

void expect_shares(const MixerRouting& routing, const std::vector<double>& expected) {
  EXPECT_THAT(doubles_of(routing.shares), Pointwise(DoubleNear(1e-6), expected));
}

/// Share of an expert next to one whose score is larger by `gap`.
double share_below(double gap) {
  return 1.0 / (1.0 + std::exp(gap));
}

TEST(SparseMixer, ChoosesTheTwoHighestScores) {
  EXPECT_THAT(doubles_of(routing_of({0.1, 0.7, -2.0, 0.4}).experts), ElementsAre(1, 3));
  EXPECT_THAT(doubles_of(routing_of({-3.0, -0.5, -0.9}).experts), ElementsAre(1, 2));
}

TEST(SparseMixer, GivesAnExpertFarFromTheOthersItsWholeShare) {
  expect_shares(routing_of({0.1, 0.7, -2.0, 0.4}), {0.0, 1.0, 0.0, 1.0});
}

// 0.01 / 1 is near; of the second choice 0.49 / 0.99 is not.
TEST(SparseMixer, SharesWithExpertsThatAreNear) {
  expect_shares(routing_of({1.0, 0.99, 0.5, 0.0}), {share_below(-0.01), 1.0, 0.0, 0.0});
}

// The second choice leaves out the first: 0.005 / 1 is near, and so both others share.
TEST(SparseMixer, SharesTheSecondChoiceWithoutTheFirst) {
  const MixerRouting routing = routing_of({2.0, 1.0, 0.995, 0.1});
  EXPECT_THAT(doubles_of(routing.experts), ElementsAre(0, 1));
  expect_shares(routing, {1.0, share_below(-0.005), share_below(0.005), 0.0});
}

// 0.01 / 1.01 is near, though the best score is negative; 1.99 / 3 is not.
TEST(SparseMixer, MeasuresGapsBelowZeroByTheScoreOfTheExpert) {
  expect_shares(routing_of({-1.0, -1.01, -3.0}), {share_below(-0.01), 1.0, 0.0});
}

TEST(SparseMixer, WithoutJitterSharesBetweenEqualScoresOnly) {
  expect_shares(routing_of({0.5, 0.5, 0.4}, 0.0), {0.5, 1.0, 0.0});
}

// The gap is 5 / 249 = 0.02008. In bfloat16 it rounds to 0.0200195, as does the limit 0.02: the
// expert is near, and the share exp(0)/(exp(0) + exp(-5/64)) = 0.51952 rounds to 133/256.
TEST(SparseMixer, RoundsGapsAndSharesToTheTypeOfTheScores) {
  const std::vector<double> scores = {249.0 / 64, 244.0 / 64, 0.0};
  expect_shares(routing_of(scores), {1.0, 1.0, 0.0});
  expect_shares(routing_of(scores, kJitter, at::kBFloat16), {133.0 / 256, 1.0, 0.0});
}

}  // namespace
}  // namespace lensbench
