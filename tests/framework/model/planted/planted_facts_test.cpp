#include "support/planted_facts.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "support/tensors.hpp"

namespace lensbench {
namespace {

using lensbench::testing::fact_model;
using lensbench::testing::FactTokens;
using lensbench::testing::largest_difference;
using lensbench::testing::linear_model;
using lensbench::testing::rows_of;

// Three norms in a row, each with a relative error below 1e-6, and logits of 4.
constexpr double kPlanted = 1.5e-5;

TEST(FactModel, AnswersEachSubjectAtItsLastPositionAlone) {
  const FactTokens tokens;
  const auto model = fact_model(4.0).open();
  for (std::int64_t k = 0; k < tokens.n; ++k) {
    const at::Tensor logits = model->forward({rows_of({tokens.prompt(k)}), {}}).logits[0];
    at::Tensor expected = at::zeros({3, tokens.size()});
    expected[2][tokens.answer(k)] = 4.0;
    EXPECT_LT(largest_difference(logits, expected), kPlanted);
  }
}

TEST(FactModel, SaysNothingWithoutASubject) {
  const FactTokens tokens;
  const auto model = fact_model().open();
  const at::Tensor logits =
      model->forward({rows_of({{tokens.start(), tokens.answer(1), tokens.is()}}), {}}).logits;
  EXPECT_LT(lensbench::testing::largest(logits), kPlanted);
}

TEST(LinearModel, AddsTheMeanOfWhatIsSeenTimesTheMatrix) {
  // x = e0, e2: at position 1 the mean is (e0 + e2) / 2.
  const auto model = linear_model({{0, 1, 0}, {0, 0, 0}, {-0.5, 0, 2}}).open();
  const at::Tensor logits = model->forward({rows_of({{0, 2}}), {}}).logits[0];
  const at::Tensor expected = at::tensor({1.0, 1.0, 0.0, -0.25, 0.5, 2.0}).view({2, 3});
  EXPECT_LT(largest_difference(logits, expected), kPlanted);
}

}  // namespace
}  // namespace lensbench
