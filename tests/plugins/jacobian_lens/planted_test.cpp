// Models whose Jacobians are known.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/zeros.h>

#include "jacobian_fixture.hpp"
#include "support/planted_facts.hpp"

namespace lensbench::jacobian {
namespace {

/// The pair of coordinates (1, -1) of a feature; the reserved pair is the first.
at::Tensor direction(std::int64_t feature, std::int64_t width) {
  at::Tensor values = at::zeros({width}, at::kDouble);
  values[2 + 2 * feature] = 1;
  values[3 + 2 * feature] = -1;
  return values;
}

TEST(JacobianLensOfALinearModel, IsItsLinearMapWhateverThePrompts) {
  const std::vector<std::vector<double>> matrix = {{0, 0.5, 0}, {0, 0, -0.25}, {0.75, 0, 0}};
  const testing::TempDir folder;
  testing::linear_model(matrix, 2).write(folder.path());
  const auto model = Model::open(folder.path());
  JacobianLensFit fit;
  fit.skip_first = 1;
  LensBench bench(model, {0, 1, 2, 1});
  for (const auto& texts : {std::vector<std::vector<std::int64_t>>{{0, 1, 2, 1, 0, 2}},
                            {{2, 2, 1, 0, 0, 1}, {1, 0, 2, 2, 2, 1}}}) {
    fit.text = folder.write("text.jsonl", documents(texts));
    const Dataset found = bench.tool.fit(bench.tokens, fit, {.top_k = 3});
    testing::expect_receipts_hold(found, 3);
    // Positions 1 to 4 count. A source t reaches the targets t' >= t with weight 1 / (t' + 1):
    // (1/2 + 2/3 + 3/4 + 4/5) / 4 in the mean over sources.
    const double reach = (1.0 / 2 + 2.0 / 3 + 3.0 / 4 + 4.0 / 5) / 4;
    const at::Tensor jacobian = found["jacobian"].tensor[0].to(at::kDouble);
    const std::int64_t width = jacobian.size(0);
    for (std::int64_t k = 0; k < 3; ++k) {
      at::Tensor wanted = direction(k, width);
      for (std::int64_t m = 0; m < 3; ++m)
        wanted += reach * matrix[static_cast<std::size_t>(k)][static_cast<std::size_t>(m)] *
                  direction(m, width);
      EXPECT_LT(largest_difference(at::mv(jacobian, direction(k, width)), wanted), 1e-5) << k;
    }
    EXPECT_EQ(largest_difference(found["jacobian"].tensor[1], at::eye(width)), 0);
    EXPECT_EQ(found["fitted"].tensor[0].item<int>(), 1);
    EXPECT_EQ(found["fitted"].tensor[1].item<int>(), 0);
  }
}

TEST(JacobianLensOfAFact, ShowsTheAnswerThatTheLogitLensCannotShow) {
  const testing::FactTokens tokens;
  const testing::TempDir folder;
  testing::fact_model(4.0, tokens).write(folder.path());
  const auto model = Model::open(folder.path());
  JacobianLensFit fit;
  fit.skip_first = 1;
  // The last position of a window does not count, so `is` is followed by another token.
  fit.text = folder.write("text.jsonl", documents({{0, 2, 1, 0}, {0, 3, 1, 0}, {0, 4, 1, 0}}));
  for (std::int64_t k = 0; k < tokens.n; ++k) {
    LensBench bench(model, tokens.prompt(k));
    const Dataset found =
        bench.tool.fit(bench.tokens, fit, {.top_k = 1, .target = Target::token(tokens.answer(k))});
    // Layer 2 is the output of block 1, where the subject has become the answer at its position.
    EXPECT_EQ(testing::value_at(found, "top_id", {2, 1, 0}), static_cast<double>(tokens.answer(k)));
    // The answer moves from one of the two sources, so that half of its logit of 4 arrives, less
    // that of the mean answer of the fit: a norm does not see the length of its stream, so that its
    // derivative along the stream itself is 0.
    const double own = 4.0 / 2 * (1 - 1.0 / 3), other = 4.0 / 2 * (0 - 1.0 / 3);
    EXPECT_NEAR(testing::value_at(found, "target_logit", {2, 1}), own, 1e-3);
    // The logit lens gives all 8 tokens 0.
    const double z = std::exp(own) + 2 * std::exp(other) + 5;
    const double entropy = std::log(z) - (own * std::exp(own) + 2 * other * std::exp(other)) / z;
    EXPECT_NEAR(testing::value_at(found, "shift", {2, 1}), std::log(8.0) - entropy, 1e-3);
    EXPECT_EQ(testing::value_at(found, "shift", {0, 1}), 0);
    EXPECT_EQ(testing::value_at(found, "shift", {4, 1}), 0);
  }
}

}  // namespace
}  // namespace lensbench::jacobian
