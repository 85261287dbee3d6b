#include "model/forward/alibi.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/activation_cache.hpp>
#include <lensbench/model.hpp>
#include <vector>

#include "support/random_model.hpp"

namespace lensbench {
namespace {

void expect_slopes(std::int64_t n_heads, const std::vector<double>& expected) {
  const at::Tensor slopes = alibi_slopes(n_heads);
  ASSERT_EQ(slopes.numel(), static_cast<std::int64_t>(expected.size()));
  for (std::size_t head = 0; head < expected.size(); ++head)
    // Powers in float32: a few roundings of 2^-24 relative.
    EXPECT_NEAR(slopes[static_cast<std::int64_t>(head)].item<double>(), expected[head],
                1e-6 * expected[head])
        << "head " << head;
}

// Press et al., arXiv:2108.12409, section 3: "for 8 heads, 1/2, 1/4, ..., 1/256; for 16 heads, we
// interpolate: 1/2^0.5, 1/2^1, 1/2^1.5, ..., 1/2^8".
TEST(AlibiSlopes, AreThoseOfThePaperForEightHeads) {
  expect_slopes(8, {0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625});
}

TEST(AlibiSlopes, AreThoseOfThePaperForSixteenHeads) {
  std::vector<double> expected;
  for (int power = 1; power <= 16; ++power) expected.push_back(std::pow(2.0, -0.5 * power));
  expect_slopes(16, expected);
}

TEST(AlibiSlopes, FillUpWithEveryOtherOneOfTheNextPowerOfTwo) {
  // Two heads: 2^-4, 2^-8; the third is the first of four: 2^-2.
  expect_slopes(3, {0.0625, 0.00390625, 0.25});
  // Four heads: 2^-2 ... 2^-8; the others are the first and third of eight.
  expect_slopes(6, {0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125});
}

TEST(AlibiSlopes, OfOneHeadIsTheSmallest) {
  expect_slopes(1, {0.00390625});
}

TransformerSpec alibi_spec() {
  TransformerSpec spec = small_gpt2_spec();
  spec.position = PositionKind::alibi;
  return spec;
}

TokenBatch some_tokens() {
  return {at::arange(7, 16, at::kLong).unsqueeze(0), {}};
}

TEST(Alibi, AddsSlopeTimesKeyPositionToTheScores) {
  const TransformerSpec spec = alibi_spec();
  const auto model = random_model(spec, 1, at::kFloat, 0.3);
  const auto seen = run_with_cache(*model, some_tokens(),
                                   {"blocks.0.attn.hook_q", "blocks.0.attn.hook_k",
                                    "blocks.0.attn.hook_attn_scores"})
                        .cache;
  const at::Tensor q = seen["blocks.0.attn.hook_q"][0].to(at::kDouble);
  const at::Tensor k = seen["blocks.0.attn.hook_k"][0].to(at::kDouble);
  const std::vector<double> slopes{0.0625, 0.00390625, 0.25};
  for (std::int64_t head = 0; head < 3; ++head) {
    const double product = q[8][head].dot(k[5][head]).item<double>() * spec.attention.scale;
    // float32 sums of eight products of about one
    EXPECT_NEAR(seen["blocks.0.attn.hook_attn_scores"][0][head][8][5].item<double>(),
                product + slopes[static_cast<std::size_t>(head)] * 5.0, 1e-5);
  }
}

TEST(Alibi, CountsPositionsFromTheFirstRealToken) {
  const auto model = random_model(alibi_spec(), 1, at::kFloat, 0.3);
  const at::Tensor alone = model->forward(some_tokens()).logits;
  TokenBatch padded{at::cat({at::zeros({1, 4}, at::kLong), some_tokens().ids}, 1), {}};
  padded.mask = at::arange(13).ge(4).unsqueeze(0);
  const at::Tensor logits = model->forward(padded).logits.narrow(1, 4, 9);
  // float32 products of other shapes may sum in another order
  EXPECT_LT((logits - alone).abs().max().item<double>(), 1e-5);
}

TEST(Alibi, ContinuesACacheAtItsPosition) {
  const auto model = random_model(alibi_spec(), 1, at::kFloat, 0.3);
  const at::Tensor whole = model->forward(some_tokens()).logits;
  KeyValueCache cache;
  ForwardOptions options;
  options.cache = &cache;
  model->forward({some_tokens().ids.narrow(1, 0, 6), {}}, options);
  const at::Tensor rest = model->forward({some_tokens().ids.narrow(1, 6, 3), {}}, options).logits;
  // as above
  EXPECT_LT((rest - whole.narrow(1, 6, 3)).abs().max().item<double>(), 1e-5);
}

}  // namespace
}  // namespace lensbench
