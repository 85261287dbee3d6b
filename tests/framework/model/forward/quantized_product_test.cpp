#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sin.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <memory>
#include <string>
#include <vector>

#include "model/forward/linear.hpp"
#include "model/forward/products/product.hpp"
#include "model/weights/quantized_tensor.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

using testing::largest;
using testing::largest_difference;

/// Numbers of all sizes and signs between -1 and 1.
at::Tensor waves(std::int64_t rows, std::int64_t columns, double step) {
  return at::sin(at::arange(rows * columns, at::kFloat) * step).view({rows, columns});
}

/// A matrix of int8 whose groups of 8 inputs have scales of their own.
at::Tensor quantized(std::int64_t out, std::int64_t in, at::ScalarType type) {
  auto matrix = std::make_shared<QuantizedMatrix>();
  matrix->codes = Codes::int8;
  matrix->rows = out;
  matrix->columns = in;
  matrix->data = waves(out, in, 0.37).mul(127).to(at::kChar);
  const std::int64_t groups = (in + 7) / 8;
  matrix->scales = {waves(out, groups, 0.11).abs().mul(0.01).add(0.001), 1, 8, groups, 1};
  return quantized_tensor(matrix, type);
}

class QuantizedProduct : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  /// Whether the product with a view of a quantized weight has the bits of that with its numbers.
  static void equals_plain(const at::Tensor& weight, std::int64_t rows) {
    const at::Tensor x = waves(rows, weight.size(0), 0.7).to(GetParam());
    EXPECT_TRUE(at::equal(linear(x, {weight, {}}), linear(x, {readable(weight), {}})))
        << rows << " rows, weight " << weight.sizes();
  }
};

// Fewer rows than a tile, a whole one, and more.
constexpr std::int64_t kRows[] = {1, 2, 4, 5, 16, 33, 130};

TEST_P(QuantizedProduct, HasTheBitsOfTheSameNumbersInFloatingPoint) {
  for (const std::int64_t rows : kRows) equals_plain(quantized(70, 50, GetParam()).t(), rows);
}

TEST_P(QuantizedProduct, HasThemForSomeOutputs) {
  const at::Tensor weight = quantized(90, 40, GetParam()).t();
  for (const std::int64_t rows : kRows) {
    equals_plain(weight.narrow(1, 13, 40), rows);
    equals_plain(weight.slice(1, 1, c10::nullopt, 2), rows);  // every other one (gpt-oss)
  }
}

TEST_P(QuantizedProduct, HasThemForAViewThatIsNotMadeOfRows) {
  // Two rows of the matrix as one.
  const at::Tensor weight = quantized(64, 20, GetParam()).view({32, 40}).t();
  EXPECT_FALSE(products::matrix_of(weight));
  for (const std::int64_t rows : kRows) equals_plain(weight, rows);
}

TEST_P(QuantizedProduct, AddsTheBias) {
  const at::Tensor weight = quantized(30, 20, GetParam()).t();
  const at::Tensor bias = waves(1, 30, 0.9)[0].to(GetParam()), x = waves(3, 20, 0.7).to(GetParam());
  EXPECT_TRUE(at::equal(linear(x, {weight, bias}), linear(x, {readable(weight), bias})));
}

TEST_P(QuantizedProduct, IsThatOfFloat64ToTheRounding) {
  const at::Tensor large = quantized(700, 600, GetParam());
  // Hundreds of terms in float32, and half a unit in the last place of the result's type.
  const double rounding = GetParam() == at::kFloat      ? 1e-5
                          : GetParam() == at::kBFloat16 ? 0x1p-8
                                                        : 0x1p-10;
  for (const at::Tensor& weight : {large.t(), large})
    for (const std::int64_t rows : {1, 3, 40}) {
      const at::Tensor x = waves(rows, weight.size(0), 0.7).to(GetParam());
      const at::Tensor exact = at::mm(x.to(at::kDouble), readable(weight).to(at::kDouble));
      EXPECT_LT(largest_difference(linear(x, {weight, {}}), exact), rounding * largest(exact));
    }
}

TEST_P(QuantizedProduct, HasTheGradientOfTheTransposedMatrix) {
  const at::AutoGradMode mode(true);
  const at::Tensor weight = quantized(45, 30, GetParam()).t();
  for (const std::int64_t rows : {1, 3, 20}) {
    const at::Tensor x = waves(rows, 30, 0.7).requires_grad_();
    const at::Tensor seed = waves(rows, 45, 0.3);
    const at::Tensor y = products::quantized_product(x, weight);
    const at::Tensor found = torch::autograd::grad({y}, {x}, {seed})[0];
    const at::Tensor exact = at::mm(seed.to(at::kDouble), readable(weight).to(at::kDouble).t());
    EXPECT_LT(largest_difference(found, exact), 2e-6 * largest(exact)) << rows;
  }
}

INSTANTIATE_TEST_SUITE_P(, QuantizedProduct,
                         ::testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& item) { return std::string(at::toString(item.param)); });

TEST(QuantizedTensor, HasAShapeAndNoMemoryOfItsOwn) {
  const at::Tensor weight = quantized(24, 16, at::kBFloat16);
  EXPECT_EQ(weight.sizes(), at::IntArrayRef({24, 16}));
  EXPECT_EQ(weight.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(is_quantized(weight));
  EXPECT_TRUE(is_quantized(weight.t().narrow(0, 2, 5)));
  EXPECT_FALSE(is_quantized(waves(2, 2, 1.0)));
  EXPECT_FALSE(is_quantized({}));
}

TEST(QuantizedTensor, KeepsItsMatrixForAsLongAsAViewExists) {
  at::Tensor part;
  {
    const at::Tensor weight = quantized(24, 16, at::kFloat);
    part = weight.narrow(0, 8, 4);
  }
  EXPECT_EQ(quantized_matrix(part)->rows, 24);
  EXPECT_EQ(readable(part).sizes(), at::IntArrayRef({4, 16}));
}

TEST(QuantizedTensor, IsReadableInTheShapeOfAnyView) {
  const at::Tensor weight = quantized(24, 16, at::kFloat), whole = readable(weight);
  EXPECT_TRUE(at::equal(readable(weight.t()), whole.t()));
  EXPECT_TRUE(at::equal(readable(weight.narrow(0, 5, 7)), whole.narrow(0, 5, 7)));
  EXPECT_TRUE(at::equal(readable(weight.narrow(1, 3, 6)), whole.narrow(1, 3, 6)));
  // Heads [head, in, d_head] of queries, as Model::weight names them.
  const auto by_head = [](const at::Tensor& x) { return x.t().view({16, 6, 4}).transpose(0, 1); };
  EXPECT_TRUE(at::equal(readable(by_head(weight)), by_head(whole)));
}

TEST(QuantizedTensor, HasTheBytesOfItsPartOfTheFile) {
  const at::Tensor weight = quantized(24, 16, at::kFloat);
  const std::int64_t bytes = 24 * 16 + 24 * 2 * 4;  // codes, and a float32 scale of 8 inputs
  EXPECT_EQ(stored_bytes(weight), bytes);
  EXPECT_EQ(stored_bytes(weight.narrow(0, 0, 12)), bytes / 2);
  EXPECT_EQ(stored_bytes(waves(3, 5, 1.0)), 60);
}

}  // namespace
}  // namespace lensbench
