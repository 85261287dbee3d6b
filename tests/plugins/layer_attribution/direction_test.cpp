// Expected values are worked out by hand from the definition: logit = norm(x) · w + b.
#include "layer_attribution/direction.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "attribution_fixture.hpp"

namespace lensbench::attribution {
namespace {

at::Tensor ids(std::int64_t id) {
  return at::full({1}, id, at::kLong);
}

/// Residual [3, -1]: mean 1, variance 4. Normalised [1, -1], with gain and bias [2.5, -1.5].
FinalReadout layer_norm_readout() {
  FinalReadout readout;
  readout.kind = NormKind::layer_norm;
  readout.epsilon = 0.0;
  readout.gain = at::tensor({2.0f, 1.0f});
  readout.bias = at::tensor({0.5f, -0.5f});
  readout.unembedding.weight = at::eye(2);
  return readout;
}

const at::Tensor& residual() {
  static const at::Tensor value = at::tensor({3.0f, -1.0f}).reshape({1, 2});
  return value;
}

double logit(const LogitDirection& direction, const at::Tensor& x) {
  return (project(x, direction) + direction.bias).item<double>();
}

TEST(LogitDirection, GivesTheLogitOfALayerNormModel) {
  const auto direction = logit_direction(layer_norm_readout(), residual(), ids(0), {});
  EXPECT_NEAR(direction.scale.item<double>(), 2.0, kExact);
  EXPECT_NEAR(project(residual(), direction).item<double>(), 2.0, kExact);
  EXPECT_NEAR(direction.bias.item<double>(), 0.5, kExact);
}

TEST(LogitDirection, IgnoresWhatLayerNormCentresAway) {
  const auto direction = logit_direction(layer_norm_readout(), residual(), ids(0), {});
  EXPECT_NEAR(project(at::full({1, 2}, 7.0), direction).item<double>(), 0.0, kExact);
}

TEST(LogitDirection, SubtractsTheOtherLogit) {
  const auto direction = logit_direction(layer_norm_readout(), residual(), ids(0), ids(1));
  EXPECT_NEAR(logit(direction, residual()), 2.5 - -1.5, kExact);
}

TEST(LogitDirection, CountsTheUnembeddingBiasAndTheLogitScale) {
  FinalReadout readout = layer_norm_readout();
  readout.unembedding.bias = at::tensor({10.0f, 20.0f});
  readout.unembedding.logit_scale = 0.5;
  const auto single = logit_direction(readout, residual(), ids(0), {});
  const auto difference = logit_direction(readout, residual(), ids(0), ids(1));
  EXPECT_NEAR(logit(single, residual()), 0.5 * 12.5, kExact);
  EXPECT_NEAR(logit(difference, residual()), 0.5 * (12.5 - 18.5), kExact);
}

TEST(LogitDirection, GivesTheLogitOfAnRmsNormModel) {
  FinalReadout readout;
  readout.kind = NormKind::rms_norm;
  readout.epsilon = 3.0;
  readout.gain = at::tensor({1.0f, 2.0f});
  readout.unembedding.weight = at::ones({1, 2});
  const at::Tensor x = at::ones({1, 2});  // mean square 1, and 3 of epsilon: scale 2
  const auto direction = logit_direction(readout, x, ids(0), {});
  EXPECT_NEAR(direction.scale.item<double>(), 2.0, kExact);
  EXPECT_NEAR(logit(direction, x), (1.0 + 2.0) / 2.0, kExact);
  EXPECT_NEAR(direction.bias.item<double>(), 0.0, kExact);
}

TEST(LogitDirection, IsTheUnembeddingRowWhereTheModelHasNoFinalNorm) {
  FinalReadout readout;
  readout.norm = false;
  readout.unembedding.weight = at::tensor({1.0f, 2.0f}).reshape({1, 2});
  const auto direction = logit_direction(readout, residual(), ids(0), {});
  EXPECT_NEAR(logit(direction, residual()), 3.0 - 2.0, kExact);
}

TEST(ReadLogit, ReadsEachTokensOwnTarget) {
  Unembedding unembedding;
  unembedding.weight = at::tensor({1.0f, 0.0f, 0.0f, 2.0f}).reshape({2, 2});
  const at::Tensor normalized = at::tensor({5.0f, 6.0f, 7.0f, 8.0f}).reshape({2, 2});
  const at::Tensor read = read_logit(unembedding, normalized, at::tensor({1, 0}).to(at::kLong), {});
  EXPECT_EQ(read[0].item<double>(), 12.0);
  EXPECT_EQ(read[1].item<double>(), 7.0);
}

}  // namespace
}  // namespace lensbench::attribution
