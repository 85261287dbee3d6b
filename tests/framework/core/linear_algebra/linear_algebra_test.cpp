#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/diag.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/linear_algebra.hpp>
#include <numbers>
#include <vector>

#include "support/error_matchers.hpp"

namespace lensbench::linear_algebra {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

at::Tensor matrix(std::vector<std::vector<double>> rows) {
  std::vector<at::Tensor> out;
  for (const auto& row : rows) out.push_back(at::tensor(row, at::kDouble));
  return at::stack(out);
}

void expect_near(const at::Tensor& found, const at::Tensor& expected, double tolerance) {
  ASSERT_EQ(found.sizes(), expected.sizes());
  EXPECT_LE((found - expected).abs().max().item<double>(), tolerance) << found << "\nexpected\n"
                                                                      << expected;
}

// Largest difference of float64 results from exact values, for numbers of about 1.
constexpr double kRounding = 1e-13;

TEST(ThinSvd, SingularValuesAreThoseOfStrangsExample) {
  // [3 0; 4 5]: MᵀM = [25 20; 20 25] with eigenvalues 45 and 5 (Strang, Introduction to Linear
  // Algebra, section 7.2); u1 = (1, 3)/sqrt 10, v1 = (1, 1)/sqrt 2.
  const Svd svd = thin_svd(matrix({{3, 0}, {4, 5}}));
  expect_near(svd.S, at::tensor({std::sqrt(45.0), std::sqrt(5.0)}, at::kDouble), kRounding);
  const double t = 1 / std::sqrt(10.0), h = 1 / std::sqrt(2.0);
  expect_near(svd.U, matrix({{t, 3 * t}, {3 * t, -t}}), kRounding);
  expect_near(svd.V, matrix({{h, h}, {h, -h}}), kRounding);
  EXPECT_EQ(svd.degenerate.sum().item<int>(), 0);
}

TEST(ThinSvd, SignsDependOnTheLeftVectorAlone) {
  // -e1 (2 e2)ᵀ: u is e1, positive, so v is -e2.
  const Svd svd = thin_svd(matrix({{0, -2}, {0, 0}, {0, 0}}));
  EXPECT_EQ(svd.U.sizes(), (std::vector<std::int64_t>{3, 2}));
  expect_near(svd.U.select(1, 0), at::tensor({1.0, 0.0, 0.0}, at::kDouble), kRounding);
  expect_near(svd.V.select(1, 0), at::tensor({0.0, -1.0}, at::kDouble), kRounding);
  EXPECT_EQ(svd.degenerate[1].item<int>(), 1) << "a vector of singular value 0 is arbitrary";
}

TEST(ThinSvd, GapsBelowOneThousandthAreDegenerate) {
  const auto flags = [](double second) {
    const auto svd = thin_svd(at::diag(at::tensor({2.0, second, 0.5}, at::kDouble)));
    return std::vector<int>{svd.degenerate[0].item<int>(), svd.degenerate[1].item<int>(),
                            svd.degenerate[2].item<int>()};
  };
  EXPECT_EQ(flags(2 * (1 - 0.9e-3)), (std::vector<int>{1, 1, 0}));
  EXPECT_EQ(flags(2 * (1 - 1.1e-3)), (std::vector<int>{0, 0, 0}));
}

TEST(ThinSvd, OfAProductEqualsThatOfTheProductMatrix) {
  at::manual_seed(7);
  const at::Tensor left = at::randn({9, 3}, at::kDouble), right = at::randn({3, 7}, at::kDouble);
  const Svd factored = thin_svd_of_product(left, right), dense = thin_svd(left.matmul(right));
  ASSERT_EQ(factored.S.size(0), 3);
  expect_near(factored.S, dense.S.narrow(0, 0, 3), 1e-12);
  expect_near(factored.U, dense.U.narrow(1, 0, 3), 1e-10);
  expect_near(factored.V, dense.V.narrow(1, 0, 3), 1e-10);
  expect_near(factored.U.matmul(at::diag(factored.S)).matmul(factored.V.t()), left.matmul(right),
              1e-12);
}

TEST(ThinSvd, OfAProductWithAWideInnerSizeHasTheOuterRank) {
  at::manual_seed(8);
  const at::Tensor left = at::randn({2, 5}, at::kDouble), right = at::randn({5, 4}, at::kDouble);
  const Svd svd = thin_svd_of_product(left, right);
  EXPECT_EQ(svd.S.size(0), 2);
  expect_near(svd.U.matmul(at::diag(svd.S)).matmul(svd.V.t()), left.matmul(right), 1e-12);
}

TEST(ThinSvd, HalfPrecisionIsWidenedFirst) {
  const Svd svd = thin_svd(matrix({{3, 0}, {4, 5}}).to(at::kHalf));
  EXPECT_EQ(svd.S.scalar_type(), at::kDouble);
  EXPECT_NEAR(svd.S[0].item<double>(), std::sqrt(45.0), kRounding);
}

TEST(SignsOf, TheFirstOfEqualEntriesIsPositiveInSpiteOfRounding) {
  const double h = 1 / std::sqrt(2.0);
  const at::Tensor signs = signs_of(matrix({{-h, h, 0}, {std::nextafter(h, 1.0), -h, 0}}));
  EXPECT_EQ(signs[0].item<double>(), -1);
  EXPECT_EQ(signs[1].item<double>(), 1);
  EXPECT_EQ(signs[2].item<double>(), 1);
}

TEST(SymmetricEigen, ValuesAreThoseOfTheHilbertMatrix) {
  // The eigenvalues of the 3 x 3 Hilbert matrix (Fettis and Caslin 1967; also numpy).
  const SymmetricEigen eigen = symmetric_eigen(
      matrix({{1, 1. / 2, 1. / 3}, {1. / 2, 1. / 3, 1. / 4}, {1. / 3, 1. / 4, 1. / 5}}));
  expect_near(
      eigen.values,
      at::tensor({1.4083189271236539, 0.12232706585390589, 0.0026873403557734}, at::kDouble),
      1e-14);
  EXPECT_EQ(eigen.degenerate.sum().item<int>(), 0);
}

TEST(SymmetricEigen, VectorsFollowTheSignRule) {
  const SymmetricEigen eigen = symmetric_eigen(matrix({{2, -1}, {-1, 2}}));
  const double h = 1 / std::sqrt(2.0);
  expect_near(eigen.values, at::tensor({3.0, 1.0}, at::kDouble), kRounding);
  expect_near(eigen.vectors, matrix({{h, h}, {-h, h}}), kRounding);
}

TEST(SymmetricEigen, TheIdentityIsDegenerateThroughout) {
  EXPECT_EQ(symmetric_eigen(at::eye(3, at::kDouble)).degenerate.sum().item<int>(), 3);
}

TEST(SymmetricEigen, RefusesAMatrixThatIsNotSymmetric) {
  EXPECT_THAT(message_of<UsageError>([] {
                symmetric_eigen(matrix({{1, 2}, {0, 1}}));
              }),
              AllOf(HasSubstr("symmetric eigenvalues"), HasSubstr("transpose")));
}

TEST(Eigenvalues, OfAQuarterTurnArePlusAndMinusI) {
  const Eigenvalues found = eigenvalues(matrix({{0, -2}, {2, 0}}));
  expect_near(found.real, at::zeros({2}, at::kDouble), kRounding);
  expect_near(found.imaginary, at::tensor({2.0, -2.0}, at::kDouble), kRounding);
}

TEST(Eigenvalues, OfACompanionMatrixAreTheRoots) {
  // x³ - 2x² - 5x + 6 = (x - 1)(x + 2)(x - 3)
  const Eigenvalues found = eigenvalues(matrix({{2, 5, -6}, {1, 0, 0}, {0, 1, 0}}));
  expect_near(found.real, at::tensor({3.0, -2.0, 1.0}, at::kDouble), 1e-12);
  expect_near(found.imaginary, at::zeros({3}, at::kDouble), kRounding);
}

TEST(Eigenvalues, OfEqualMagnitudeAreSortedByRealPart) {
  const Eigenvalues found = eigenvalues(at::diag(at::tensor({-1.0, 1.0, -1.0}, at::kDouble)));
  expect_near(found.real, at::tensor({1.0, -1.0, -1.0}, at::kDouble), 0);
}

TEST(Eigenvalues, RefuseARectangle) {
  EXPECT_THAT(message_of<UsageError>([] { eigenvalues(at::ones({2, 3})); }), HasSubstr("square"));
}

TEST(SolvePositiveDefinite, SolvesByHand) {
  // 4x + 2y = 8, 2x + 3y = 7
  const at::Tensor a = matrix({{4, 2}, {2, 3}});
  expect_near(solve_positive_definite(a, at::tensor({8.0, 7.0}, at::kDouble)),
              at::tensor({1.25, 1.5}, at::kDouble), kRounding);
  expect_near(solve_positive_definite(a, matrix({{8, 4}, {7, 2}})), matrix({{1.25, 1}, {1.5, 0}}),
              kRounding);
}

TEST(SolvePositiveDefinite, NamesWhatIsWrong) {
  const at::Tensor indefinite = matrix({{1, 2}, {2, 1}});
  EXPECT_THAT(message_of<UsageError>([&] { solve_positive_definite(indefinite, at::ones({2})); }),
              HasSubstr("not positive definite"));
  EXPECT_THAT(message_of<UsageError>([&] { solve_positive_definite(at::eye(2), at::ones({3})); }),
              HasSubstr("3 rows, expected 2"));
}

TEST(LinearAlgebra, RefusesWhatIsNotFinite) {
  EXPECT_THAT(message_of<UsageError>([] {
                thin_svd(matrix({{1, std::nan("")}}));
              }),
              AllOf(HasSubstr("thin SVD"), HasSubstr("NaN")));
  EXPECT_THAT(message_of<UsageError>([] {
                thin_svd(at::empty({0, 3}));
              }),
              HasSubstr("at least one entry"));
  EXPECT_THAT(message_of<UsageError>([] { thin_svd(at::Tensor()); }), HasSubstr("undefined"));
}

}  // namespace
}  // namespace lensbench::linear_algebra
