#include "model/weights/converted.hpp"

#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

namespace lensbench {
namespace {

TEST(Converted, EqualsLibtorchsConversionBetweenAllTypes) {
  at::manual_seed(1);
  // Small enough for one part, and more than two parts with a rest.
  for (const std::int64_t rows : {1, 2999})
    for (const at::ScalarType from : {at::kFloat, at::kBFloat16, at::kHalf, at::kDouble})
      for (const at::ScalarType to : {at::kFloat, at::kBFloat16, at::kHalf}) {
        const at::Tensor stored = at::randn({rows, 801}).to(from);
        const at::Tensor result = converted(stored, at::kCPU, to);
        ASSERT_EQ(result.scalar_type(), to);
        EXPECT_TRUE(at::equal(result, stored.to(to))) << from << " to " << to;
      }
}

TEST(Converted, IsTheStoredTensorInItsOwnType) {
  const at::Tensor stored = at::ones({2000, 1000}, at::kHalf);
  EXPECT_EQ(converted(stored, at::kCPU, at::kHalf).data_ptr(), stored.data_ptr());
}

TEST(Converted, TakesTensorsThatAreNotContiguous) {
  const at::Tensor stored = at::randn({1500, 1100}).to(at::kBFloat16).t();
  EXPECT_TRUE(at::equal(converted(stored, at::kCPU, at::kFloat), stored.to(at::kFloat)));
}

}  // namespace
}  // namespace lensbench
