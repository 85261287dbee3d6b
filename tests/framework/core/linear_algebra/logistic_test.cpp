#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/linear_algebra.hpp>

#include "support/error_matchers.hpp"

namespace lensbench::linear_algebra {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

TEST(FitLogistic, OfFourPointsSolvesTheStationaryEquation) {
  // x = ±1, two each, y = sign x, lambda 1, no intercept: 4 / (1 + e^w) = w, so w = 1.0425969.
  const at::Tensor x = at::tensor({1.0, 1.0, -1.0, -1.0}, at::kDouble).unsqueeze(1);
  const LogisticFit fit =
      fit_logistic(x, at::tensor({1, 1, 0, 0}), {.lambda = 1, .intercept = false});
  const double w = fit.weights[0].item<double>();
  EXPECT_NEAR(w, 1.042596914000558, 1e-8);  // the gradient norm over a curvature above 1
  EXPECT_NEAR(4 / (1 + std::exp(w)), w, 1e-8);
  EXPECT_NEAR(fit.loss, 4 * std::log1p(std::exp(-w)) + w * w / 2, 1e-12);
  EXPECT_LE(fit.gradient_norm, 1e-8);
  EXPECT_EQ(fit.intercept, 0);
}

TEST(FitLogistic, OfTheExamDataGivesThePublishedCoefficients) {
  // Hours of study and passing an exam, the example of the encyclopedia article "Logistic
  // regression": intercept -4.0777, slope 1.5046.
  const at::Tensor hours = at::tensor({0.50, 0.75, 1.00, 1.25, 1.50, 1.75, 1.75, 2.00, 2.25, 2.50,
                                       2.75, 3.00, 3.25, 3.50, 4.00, 4.25, 4.50, 4.75, 5.00, 5.50},
                                      at::kDouble);
  const at::Tensor passed =
      at::tensor({0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1});
  const LogisticFit fit = fit_logistic(hours.unsqueeze(1), passed, {.lambda = 0});
  EXPECT_NEAR(fit.weights[0].item<double>(), 1.5046, 5e-5);
  EXPECT_NEAR(fit.intercept, -4.0777, 5e-5);
}

TEST(FitLogistic, DoesNotPenaliseTheIntercept) {
  // Without features that help, the intercept is the log odds 3 : 1 however large lambda is.
  const LogisticFit fit =
      fit_logistic(at::zeros({4, 2}), at::tensor({1, 1, 1, -1}), {.lambda = 1e6});
  EXPECT_NEAR(fit.intercept, std::log(3.0), 1e-8);
  EXPECT_EQ(fit.weights.abs().max().item<double>(), 0);
}

TEST(FitLogistic, ConvergesWhereAFullNewtonStepOvershoots) {
  // One far row makes the first steps overshoot without halving.
  const at::Tensor x = at::tensor({-1.0, 1.0, 1000.0}, at::kDouble).unsqueeze(1);
  const LogisticFit fit =
      fit_logistic(x, at::tensor({0, 1, 0}), {.lambda = 1e-6, .intercept = false});
  EXPECT_LE(fit.gradient_norm, 1e-8);
  EXPECT_LT(fit.weights[0].item<double>(), 0);
}

// Near the minimum the loss changes by less than its rounding, and a step that is too short to
// change it seemed to be as good as a full one.
TEST(FitLogistic, ConvergesForRowsThatRepeat) {
  constexpr std::int64_t kRows = 72, kDistinct = 8, kWidth = 64;
  const at::Tensor i = at::arange(kDistinct * kWidth, at::kDouble),
                   row = at::arange(kRows, at::kLong);
  for (const double step : {0.17, 0.53, 0.91})
    for (const std::int64_t modulus : {5, 7})
      for (const double lambda : {0.1, 10.0}) {
        const at::Tensor distinct = at::sin(i * i * step + i).view({kDistinct, kWidth});
        const LogisticFit fit =
            fit_logistic(distinct.index_select(0, row.remainder(kDistinct)),
                         (row * row).remainder(modulus).remainder(2), {.lambda = lambda});
        EXPECT_LE(fit.gradient_norm, 1e-8);
      }
}

TEST(FitLogistic, SaysThatSeparableRowsNeedAPenalty) {
  const at::Tensor x = at::tensor({1.0, -1.0}, at::kDouble).unsqueeze(1);
  EXPECT_THAT(message_of<RunError>([&] {
                fit_logistic(x, at::tensor({1, 0}), {.lambda = 0});
              }),
              AllOf(HasSubstr("separable"), HasSubstr("lambda")));
}

// By hand: at w = 0 the gradient is -1 and the curvature 1.5, so that one step leads to w = 2/3,
// where the gradient is 2/3 - 2 / (1 + e^(2/3)) = -0.01182.
TEST(FitLogistic, SaysSmallNumbersInItsMessages) {
  const at::Tensor x = at::tensor({1.0, -1.0}, at::kDouble).unsqueeze(1);
  const LogisticOptions impatient{
      .lambda = 1, .intercept = false, .tolerance = 2e-9, .iterations = 1};
  EXPECT_THAT(message_of<RunError>([&] {
                fit_logistic(x, at::tensor({1, 0}), impatient);
              }),
              HasSubstr("still has norm 0.0118 (expected at most 2e-09)"));
  EXPECT_THAT(message_of<UsageError>([&] {
                fit_logistic(x, at::tensor({1, 0}), {.lambda = -1e-9});
              }),
              HasSubstr("found lambda -1e-09"));
}

TEST(FitLogistic, NamesWrongArguments) {
  const at::Tensor x = at::ones({2, 1});
  EXPECT_THAT(message_of<UsageError>([&] {
                fit_logistic(x, at::tensor({1, 1}));
              }),
              HasSubstr("both kinds"));
  EXPECT_THAT(message_of<UsageError>([&] {
                fit_logistic(x, at::tensor({1, 2}));
              }),
              HasSubstr("other labels"));
  EXPECT_THAT(message_of<UsageError>([&] {
                fit_logistic(x, at::tensor({1, 0, 0}));
              }),
              HasSubstr("3 labels"));
  EXPECT_THAT(message_of<UsageError>([&] {
                fit_logistic(x, at::tensor({1, 0}), {.lambda = -1});
              }),
              HasSubstr("lambda"));
}

}  // namespace
}  // namespace lensbench::linear_algebra
