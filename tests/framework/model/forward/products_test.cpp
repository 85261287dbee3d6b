#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "model/forward/linear.hpp"
#include "model/forward/products/product.hpp"
#include "model/forward/row_bits.hpp"
#include "model/runtime/threads.hpp"

namespace lensbench::products {
namespace {

using Multiply = at::Tensor (*)(const at::Tensor&, const Matrix&, const Loops&);

enum class Layout { by_input, by_output, columns_by_input, columns_by_output };
constexpr Layout kLayouts[] = {Layout::by_input, Layout::by_output, Layout::columns_by_input,
                               Layout::columns_by_output};
constexpr at::ScalarType kTypes[] = {at::kFloat, at::kBFloat16, at::kHalf};

/// A weight [in, out] as checkpoints store it; `columns` are an unaligned part of a wider one.
at::Tensor random_weight(std::int64_t in, std::int64_t out, Layout layout, at::ScalarType type) {
  switch (layout) {
    case Layout::by_input:
      return at::randn({in, out}).to(type);
    case Layout::by_output:
      return at::randn({out, in}).to(type).t();
    case Layout::columns_by_input:
      return at::randn({in, out + 8}).to(type).narrow(1, 3, out);
    case Layout::columns_by_output:
      return at::randn({out + 8, in}).to(type).t().narrow(1, 3, out);
  }
  return {};
}

/// The largest error as a part of the bound of a float32 sum in any order, n u sum |x w| (Higham
/// 2002, section 3.1), against products in float64.
double worst_over_bound(const at::Tensor& y, const at::Tensor& x, const at::Tensor& weight) {
  const at::Tensor exact = at::mm(x.to(at::kDouble), weight.to(at::kDouble));
  const at::Tensor magnitude = at::mm(x.to(at::kDouble).abs(), weight.to(at::kDouble).abs());
  const double n = static_cast<double>(x.size(1)) + 1;
  const at::Tensor bound = magnitude.mul(n * std::ldexp(1.0, -24)).add(1e-30);
  return (y.to(at::kDouble) - exact).abs().div(bound).max().item<double>();
}

void expect_float64(Multiply multiply, std::int64_t rows, std::int64_t in, std::int64_t out) {
  for (const Layout layout : kLayouts)
    for (const at::ScalarType type : kTypes) {
      const at::Tensor x = at::randn({rows, in});
      const at::Tensor weight = random_weight(in, out, layout, type);
      const auto matrix = matrix_of(weight);
      ASSERT_TRUE(matrix);
      for (const Loops* loops : available_loops()) {
        const at::Tensor y = multiply(x, *matrix, *loops);
        ASSERT_EQ(y.sizes(), at::IntArrayRef({rows, out}));
        EXPECT_LE(worst_over_bound(y, x, weight), 1.0)
            << loops->name << " " << type << " layout " << static_cast<int>(layout) << " [" << rows
            << ", " << in << "] x [" << in << ", " << out << "]";
      }
    }
}

TEST(Products, EqualFloat64InEveryLayoutTypeAndOddSize) {
  at::manual_seed(1);
  for (const Multiply multiply : {few_rows, many_rows})
    for (const std::int64_t in : {1, 2, 7, 16, 33, 64, 131})
      for (const std::int64_t out : {1, 7, 16, 33, 65})
        for (const std::int64_t rows : {1, 2, 3, 4, 5, 8, 13, 17})
          expect_float64(multiply, rows, in, out);
}

TEST(Products, EqualFloat64WhereThreadsShareTheWeight) {
  at::manual_seed(2);
  expect_float64(few_rows, 1, 701, 1101);
  expect_float64(few_rows, 6, 1101, 701);
  expect_float64(many_rows, 131, 901, 333);  // several blocks of rows, terms and columns
  expect_float64(many_rows, 1030, 9, 17);    // more rows than are packed at once
}

/// Weights that our loops multiply, weights whose few rows are filled up, and large ones. One row,
/// and few rows of half precision, have loops of their own.
TEST(Products, GiveARowTheSameBitsAmongAnyOtherRows) {
  at::manual_seed(4);
  constexpr std::int64_t kMost = 70;
  int compared = 0;
  for (const auto& [in, out] : {std::pair<std::int64_t, std::int64_t>{96, 24},
                                {128, 512},
                                {300, 400},
                                {768, 1000},
                                {768, 2304}})
    for (const Layout layout : {Layout::by_input, Layout::by_output})
      for (const at::ScalarType type : kTypes) {
        // Runs do not form batches of models with such weights.
        if (type == at::kFloat && !rows_keep_their_bits(in, out)) continue;
        ++compared;
        const at::Tensor x = at::randn({kMost, in}).to(type);
        const Linear layer{random_weight(in, out, layout, type), at::randn({out}).to(type)};
        const at::Tensor all = linear(x, layer);
        const std::int64_t fewest = type == at::kFloat ? 2 : 5;
        for (const std::int64_t rows :
             {fewest, std::int64_t{7}, std::int64_t{15}, std::int64_t{16}, std::int64_t{33}})
          EXPECT_TRUE(linear(x.narrow(0, 0, rows), layer).equal(all.narrow(0, 0, rows)))
              << type << " " << rows << " rows, [" << in << ", " << out << "], layout "
              << static_cast<int>(layout);
      }
  EXPECT_GT(compared, 0);
}

TEST(Products, OfNothingAreZeros) {
  for (const Multiply multiply : {few_rows, many_rows}) {
    const at::Tensor no_inputs = at::empty({0, 5});
    EXPECT_TRUE(at::equal(multiply(at::empty({3, 0}), *matrix_of(no_inputs), best_loops()),
                          at::zeros({3, 5})));
    const at::Tensor weight = at::ones({4, 5}, at::kBFloat16);
    EXPECT_EQ(multiply(at::ones({0, 4}), *matrix_of(weight), best_loops()).numel(), 0);
    const at::Tensor no_outputs = at::empty({4, 0}, at::kHalf);
    EXPECT_EQ(multiply(at::ones({2, 4}), *matrix_of(no_outputs), best_loops()).numel(), 0);
  }
}

/// All bit patterns of a half-precision type.
at::Tensor every_number(at::ScalarType type) {
  const at::Tensor bits = at::arange(65536, at::kInt).to(at::kShort);
  return bits.view(type);
}

/// Equal values, where NaN equals NaN.
bool same(const at::Tensor& a, const at::Tensor& b) {
  return a.eq(b).logical_or(a.isnan().logical_and(b.isnan())).all().item<bool>();
}

TEST(Products, WidenEveryNumberExactly) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    const at::Tensor numbers = every_number(type);
    const at::Tensor expected = numbers.to(at::kFloat);
    for (const std::int64_t at : {0, 8, 37})  // a term of the vectors and one of the rest
      for (const bool by_output : {true, false})
        for (const Multiply multiply : {few_rows, many_rows})
          for (const Loops* loops : available_loops()) {
            at::Tensor stored = at::zeros({65536, 39}, type);
            stored.select(1, at).copy_(numbers);
            at::Tensor weight = stored.t();
            if (!by_output) weight = weight.contiguous();
            at::Tensor x = at::zeros({2, 39});
            x.select(1, at).fill_(1.0);
            const at::Tensor y = multiply(x, *matrix_of(weight), *loops);
            EXPECT_TRUE(same(y[0], expected)) << type << " " << loops->name << " " << at;
            EXPECT_TRUE(same(y[1], expected)) << type << " " << loops->name << " " << at;
          }
    for (const Loops* loops : available_loops()) {
      const at::Tensor odd = numbers.slice(0, 1);
      at::Tensor wide = at::empty({65535});
      loops->of(type == at::kHalf ? WeightType::float16 : WeightType::bfloat16)
          .widen(odd.data_ptr(), 65535, wide.data_ptr<float>());
      EXPECT_TRUE(same(wide, expected.slice(0, 1)));
    }
  }
}

TEST(Products, HaveTheSameBitsWithAnyNumberOfThreads) {
  at::manual_seed(3);
  const int before = thread_report().threads;
  for (const Layout layout : kLayouts) {
    const at::Tensor weight = random_weight(1201, 1603, layout, at::kBFloat16);
    const at::Tensor one = at::randn({1, 1201}), many = at::randn({70, 1201});
    std::vector<at::Tensor> results;
    for (const int threads : {1, 2, 5}) {
      set_threads(threads);
      results.push_back(
          at::cat({few_rows(one, *matrix_of(weight)), many_rows(many, *matrix_of(weight))}));
      EXPECT_TRUE(at::equal(results.back(), results.front()));
    }
  }
  set_threads(before);
}

TEST(Products, OfManyRowsGiveEachRowTheBitsThatItHasAmongOtherRows) {
  at::manual_seed(6);
  for (const Layout layout : kLayouts) {
    const at::Tensor weight = random_weight(401, 67, layout, at::kBFloat16);
    const at::Tensor x = at::randn({150, 401});
    const at::Tensor all = many_rows(x, *matrix_of(weight));
    for (const std::int64_t first : {0, 3, 117})
      EXPECT_TRUE(
          at::equal(many_rows(x.narrow(0, first, 5), *matrix_of(weight)), all.narrow(0, first, 5)));
  }
}

TEST(Products, LeaveOtherTensorsToLibtorch) {
  EXPECT_FALSE(matrix_of(at::ones({4, 4}, at::kDouble)));
  EXPECT_FALSE(matrix_of(at::ones({4, 8}).slice(1, 0, 8, 2)));
  EXPECT_FALSE(matrix_of(at::ones({8, 8}).as_strided({4, 4}, {16, 2})));
}

TEST(Linear, RoundsHalfPrecisionOnce) {
  at::manual_seed(4);
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf})
    for (const std::int64_t rows : {1, 5, 40})
      for (const Layout layout : kLayouts) {
        const Linear layer{random_weight(65, 33, layout, type), at::randn({33}).to(type)};
        const at::Tensor x = at::randn({2, rows, 65}).to(type);
        const at::Tensor y = linear(x, layer);
        ASSERT_EQ(y.scalar_type(), type);
        const at::Tensor exact =
            at::matmul(x.to(at::kDouble), layer.weight.to(at::kDouble)) + layer.bias;
        // Half a unit in the last place of the type, and float32's rounding of 65 terms of size 1
        // to 10 before it.
        const double half_unit = type == at::kHalf ? 0x1p-11 : 0x1p-8;
        const at::Tensor bound = exact.abs().mul(half_unit).add(65 * 10 * 0x1p-24);
        EXPECT_LE((y.to(at::kDouble) - exact).abs().div(bound).max().item<double>(), 1.0);
      }
}

TEST(Linear, HasTheGradientsOfTheWidenedProduct) {
  at::manual_seed(5);
  const at::AutoGradMode mode(true);
  for (const std::int64_t rows : {1, 20}) {
    const Linear layer{at::randn({12, 9}).to(at::kBFloat16), at::randn({9}).to(at::kBFloat16)};
    const at::Tensor x = at::randn({rows, 12}).to(at::kBFloat16).requires_grad_();
    const at::Tensor y = linear(x, layer);
    const at::Tensor seed = at::randn({rows, 9}).to(at::kBFloat16);
    const auto found = torch::autograd::grad({y}, {x}, {seed});
    const at::Tensor expected = at::mm(seed.to(at::kFloat), layer.weight.to(at::kFloat).t());
    EXPECT_TRUE(at::allclose(found[0].to(at::kFloat), expected, 1e-2, 1e-2));
  }
}

}  // namespace
}  // namespace lensbench::products
