// Heads and neurons on numbers small enough to work out by hand.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "layer_attribution/heads.hpp"
#include "layer_attribution/neurons.hpp"

namespace lensbench::attribution {
namespace {

/// One token, direction [1, 10].
LogitDirection direction() {
  LogitDirection result;
  result.vector = at::tensor({1.0, 10.0}).reshape({1, 2}).to(at::kDouble);
  result.bias = at::zeros({1}, at::kDouble);
  return result;
}

TEST(HeadTerms, SumToWhatEachHeadWritesAlongTheDirection) {
  // Two heads of size one: head 0 writes 3 * [1, 2], head 1 writes -4 * [5, 0].
  const at::Tensor z = at::tensor({3.0f, -4.0f}).reshape({1, 2, 1});
  const at::Tensor w_o = at::tensor({1.0f, 2.0f, 5.0f, 0.0f}).reshape({2, 1, 2});
  const at::Tensor heads = head_terms(direction(), z, w_o).sum(-1);
  EXPECT_EQ(heads[0][0].item<double>(), 3.0 * (1.0 + 20.0));
  EXPECT_EQ(heads[0][1].item<double>(), -4.0 * 5.0);
}

TEST(BiasContribution, IsTheBiasAlongTheDirection) {
  EXPECT_EQ(bias_contribution(direction(), at::tensor({1.0f, -1.0f})).item<double>(), -9.0);
}

TEST(BiasContribution, IsZeroWithoutABias) {
  EXPECT_EQ(bias_contribution(direction(), {}).item<double>(), 0.0);
}

TEST(NeuronContributions, AreActivationTimesOutputAlongTheDirection) {
  const at::Tensor w_out = at::tensor({1.0f, 0.0f, 0.0f, 1.0f}).reshape({2, 2});
  const at::Tensor values =
      neuron_contributions(direction().vector[0], at::tensor({2.0f, -3.0f}), w_out);
  EXPECT_EQ(values[0].item<double>(), 2.0);
  EXPECT_EQ(values[1].item<double>(), -30.0);
}

TEST(StrongestNeurons, ComeBySizeWithTheirSign) {
  const auto found = strongest_neurons({at::tensor({1.0, -5.0}), at::tensor({2.0, 4.0})}, 3);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].contribution, -5.0);
  EXPECT_EQ(found[0].layer, 0);
  EXPECT_EQ(found[0].index, 1);
  EXPECT_EQ(found[1].contribution, 4.0);
  EXPECT_EQ(found[1].layer, 1);
  EXPECT_EQ(found[2].contribution, 2.0);
}

TEST(StrongestNeurons, OrderEqualOnesByLayerThenIndex) {
  const auto found = strongest_neurons({at::tensor({0.0, 2.0}), at::tensor({-2.0, 2.0})}, 3);
  EXPECT_EQ(found[0].layer, 0);
  EXPECT_EQ(found[1].layer, 1);
  EXPECT_EQ(found[1].index, 0);
  EXPECT_EQ(found[2].index, 1);
}

TEST(StrongestNeurons, AreAllOfThemWhenMoreAreAsked) {
  EXPECT_EQ(strongest_neurons({at::tensor({1.0, 2.0})}, 9).size(), 2u);
}

}  // namespace
}  // namespace lensbench::attribution
