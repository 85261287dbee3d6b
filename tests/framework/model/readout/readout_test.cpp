#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/readout.hpp>
#include <limits>
#include <numeric>
#include <tuple>
#include <vector>

#include "model/runtime/threads.hpp"
#include "support/tensors.hpp"

// The reference is log_softmax in float64 over all logits at once, from the definitions in the
// architecture's metric table. Tolerances: logits are float32 sums of d_model terms, so they, and
// with them log-probabilities and entropies, differ from float64 by about 1e-6 of their scale.

namespace lensbench {
namespace {

using testing::largest_difference;

at::Tensor random(at::IntArrayRef shape, double scale, std::uint64_t seed) {
  at::manual_seed(seed);
  return at::randn(shape) * scale;
}

Unembedding unembedding_of(at::Tensor weight) {
  Unembedding unembedding;
  unembedding.weight = std::move(weight);
  return unembedding;
}

at::Tensor reference_logits(const Unembedding& unembedding, const at::Tensor& normalized) {
  at::Tensor z = at::matmul(normalized.to(at::kDouble), unembedding.weight.to(at::kDouble).t());
  if (unembedding.bias.defined()) z = z + unembedding.bias.to(at::kDouble);
  z = z * unembedding.logit_scale;
  if (const double cap = unembedding.logit_softcap; cap > 0) z = at::tanh(z / cap) * cap;
  return z;
}

at::Tensor some_targets(std::int64_t rows, std::int64_t vocab) {
  return (at::arange(rows, at::kLong) * 7919 + vocab - 1).remainder(vocab);
}

/// Every number of a readout against float64; ids wherever no neighbour is within rounding.
void expect_equals_float64(const Unembedding& unembedding, const at::Tensor& normalized,
                           const ReadoutOptions& options, double tolerance) {
  const Readout ours = read_out(unembedding, normalized, options);
  const at::Tensor z = reference_logits(unembedding, normalized);
  const at::Tensor lse = at::logsumexp(z, {-1});
  const at::Tensor log_p = z - lse.unsqueeze(-1);
  const at::Tensor p = log_p.exp();
  const at::Tensor last = log_p.select(0, -1).unsqueeze(0);
  EXPECT_LT(largest_difference(ours.log_sum_exp, lse), tolerance);
  EXPECT_LT(largest_difference(ours.entropy, -(p * log_p).sum(-1)), tolerance);
  EXPECT_LT(largest_difference(ours.kl_to_last, (last.exp() * (last - log_p)).sum(-1)), tolerance);

  const auto [top, top_ids] = z.topk(options.top_k, -1);
  EXPECT_LT(largest_difference(ours.top_logits, top), tolerance);
  EXPECT_LT(largest_difference(ours.top_probabilities, (top - lse.unsqueeze(-1)).exp()), tolerance);
  EXPECT_LT(largest_difference(z.gather(-1, ours.top_ids), top), tolerance);

  const at::Tensor targets = ours.target_ids.reshape({1, -1, 1}).expand({z.size(0), -1, 1});
  const at::Tensor target = z.gather(-1, targets);
  EXPECT_LT(largest_difference(ours.target_logits, target.squeeze(-1)), tolerance);
  EXPECT_LT(
      largest_difference(ours.target_log_probabilities, log_p.gather(-1, targets).squeeze(-1)),
      tolerance);
  // A rank may move past those it ties with in float32.
  const at::Tensor least = 1 + (z > target + tolerance).sum(-1);
  const at::Tensor most = 1 + (z > target - tolerance).sum(-1);
  EXPECT_TRUE((ours.target_ranks >= least).all().item<bool>());
  EXPECT_TRUE((ours.target_ranks <= most).all().item<bool>());
}

// layers, rows, d_model, vocab, top_k
using Shape = std::tuple<int, int, int, int, int>;
class ReadoutOfShape : public ::testing::TestWithParam<Shape> {};

TEST_P(ReadoutOfShape, EqualsFloat64) {
  const auto [layers, rows, d_model, vocab, top_k] = GetParam();
  ReadoutOptions options;
  options.top_k = top_k;
  options.target_ids = some_targets(rows, vocab);
  expect_equals_float64(unembedding_of(random({vocab, d_model}, 0.5, 1)),
                        random({layers, rows, d_model}, 1.0, 2), options, 3e-5);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ReadoutOfShape,
                         ::testing::Values(Shape{1, 1, 1, 1, 1}, Shape{1, 1, 8, 3, 3},
                                           Shape{2, 3, 5, 17, 17}, Shape{5, 9, 64, 512, 10},
                                           Shape{3, 4, 48, 1023, 7}, Shape{3, 4, 48, 1024, 1},
                                           Shape{3, 4, 48, 1025, 1025}, Shape{13, 70, 32, 5003, 10},
                                           Shape{2, 900, 16, 2100, 4}, Shape{1, 2, 24, 20011, 50},
                                           Shape{900, 2, 16, 300, 5}));

/// 3,600 rows are several blocks, a few rows are one; the sums over the vocabulary must still be
/// joined at the same places.
TEST(Readout, GivesARowTheSameBitsAmongAnyOtherRows) {
  const Unembedding unembedding = unembedding_of(random({5003, 32}, 0.5, 3));
  const at::Tensor rows = random({2, 1800, 32}, 1.0, 4);
  const Readout all = read_out(unembedding, rows, {});
  for (const std::int64_t count : {1, 3, 50}) {
    const Readout few = read_out(unembedding, rows.narrow(1, 0, count), {});
    for (at::Tensor Readout::*member :
         {&Readout::top_ids, &Readout::top_logits, &Readout::top_probabilities,
          &Readout::log_sum_exp, &Readout::entropy, &Readout::kl_to_last})
      EXPECT_TRUE((few.*member).equal((all.*member).narrow(1, 0, count))) << count << " rows";
  }
}

TEST(Readout, EqualsFloat64WithBiasScaleAndSoftcap) {
  Unembedding unembedding = unembedding_of(random({3001, 40}, 0.8, 3));
  unembedding.bias = random({3001}, 1.0, 4);
  unembedding.logit_scale = 0.37;
  unembedding.logit_softcap = 2.5;
  ReadoutOptions options;
  options.target_ids = some_targets(6, 3001);
  expect_equals_float64(unembedding, random({4, 6, 40}, 1.0, 5), options, 3e-5);
}

TEST(Readout, WidensBfloat16WeightsExactly) {
  const at::Tensor weight = random({2500, 32}, 0.5, 6).to(at::kBFloat16);
  ReadoutOptions options;
  options.target_ids = some_targets(5, 2500);
  expect_equals_float64(unembedding_of(weight), random({3, 5, 32}, 1.0, 7), options, 3e-5);
}

TEST(Readout, StaysAccurateForHugeLogits) {
  // Logits of 1e4 have float32 steps of 1e-3: that is the tolerance.
  ReadoutOptions options;
  options.target_ids = some_targets(5, 2500);
  expect_equals_float64(unembedding_of(random({2500, 32}, 300.0, 8)), random({3, 5, 32}, 6.0, 9),
                        options, 2e-2);
}

TEST(Readout, LosesNothingToACommonOffset) {
  // GPT-2's logits share an offset near -100 at some layers; divergences must not feel it beyond
  // the rounding of the logits themselves (float32 steps there are 8e-6, a few of them add up).
  at::Tensor weight = random({5003, 32}, 0.3, 10);
  at::Tensor normalized = random({4, 6, 32}, 1.0, 11);
  weight.select(1, 0).fill_(-25.0);
  normalized.select(2, 0).fill_(4.0);
  ReadoutOptions options;
  options.target_ids = some_targets(6, 5003);
  expect_equals_float64(unembedding_of(weight), normalized, options, 6e-5);
}

TEST(Readout, GivesUniformDistributionForEqualLogits) {
  // By hand: entropy ln V, every probability 1/V, no divergence, every rank 1, ids in order.
  ReadoutOptions options;
  options.top_k = 4;
  options.target_ids = at::full({2}, 2999, at::kLong);
  const Readout r = read_out(unembedding_of(at::ones({3000, 8})), at::ones({3, 2, 8}), options);
  EXPECT_LT(largest_difference(r.entropy, at::full({3, 2}, std::log(3000.0), at::kDouble)), 1e-6);
  EXPECT_EQ(r.kl_to_last.abs().max().item<float>(), 0.0F);
  EXPECT_TRUE((r.target_ranks == 1).all().item<bool>());
  EXPECT_TRUE((r.top_ids == at::arange(4, at::kLong)).all().item<bool>());
}

TEST(Readout, TiesDuplicatedRowsExactly) {
  // Rows 1500.. repeat rows 0..: twins must have the very same logit, so that rank counts only
  // strictly larger ones and the smaller id comes first.
  for (const std::int64_t half : {1500, 1037, 8}) {
    const at::Tensor unique = random({half, 96}, 0.5, 12);
    const Unembedding unembedding = unembedding_of(at::cat({unique, unique}));
    const at::Tensor normalized = random({5, 33, 96}, 1.0, 13);
    ReadoutOptions options;
    options.top_k = 6;
    options.target_ids = some_targets(33, half);
    const Readout first = read_out(unembedding, normalized, options);
    options.target_ids = options.target_ids + half;
    const Readout twin = read_out(unembedding, normalized, options);
    EXPECT_TRUE(at::equal(first.target_logits, twin.target_logits));
    EXPECT_TRUE(at::equal(first.target_ranks, twin.target_ranks));
    EXPECT_TRUE((first.target_ranks.remainder(2) == 1).all().item<bool>());
    const at::Tensor even = first.top_ids.slice(2, 0, 6, 2);
    EXPECT_TRUE(at::equal(even + half, first.top_ids.slice(2, 1, 6, 2)));
    EXPECT_TRUE((even < half).all().item<bool>());
  }
}

TEST(Readout, RanksTheKBestFromOneToK) {
  // The rank counts with the same logits as the top-k, so the j-th best has rank j.
  const Unembedding unembedding = unembedding_of(random({4100, 64}, 0.5, 14));
  const at::Tensor normalized = random({1, 12, 64}, 1.0, 15);
  ReadoutOptions options;
  options.top_k = 20;
  const Readout top = read_out(unembedding, normalized, options);
  for (std::int64_t k = 0; k < 20; ++k) {
    options.target_ids = top.top_ids.select(2, k).reshape({-1});
    const Readout ranked = read_out(unembedding, normalized, options);
    EXPECT_TRUE((ranked.target_ranks == k + 1).all().item<bool>());
    EXPECT_TRUE(at::equal(ranked.target_logits, top.top_logits.select(2, k)));
  }
}

TEST(Readout, ScoresItsOwnTopWhenAsked) {
  const Unembedding unembedding = unembedding_of(random({2222, 24}, 0.5, 16));
  ReadoutOptions options;
  options.target_is_own_top = true;
  const Readout r = read_out(unembedding, random({3, 7, 24}, 1.0, 17), options);
  EXPECT_TRUE(at::equal(r.target_ids, r.top_ids.select(0, -1).select(1, 0)));
  EXPECT_TRUE((r.target_ranks.select(0, -1) == 1).all().item<bool>());
}

TEST(Readout, ScoresASecondTokenAsItWouldATarget) {
  const Unembedding unembedding = unembedding_of(random({2222, 24}, 0.5, 16));
  const at::Tensor normalized = random({3, 7, 24}, 1.0, 17);
  ReadoutOptions as_target, as_second;
  as_target.target_ids = as_second.scored_ids = some_targets(7, 2222);
  as_second.target_is_own_top = true;
  EXPECT_TRUE(at::equal(read_out(unembedding, normalized, as_target).target_log_probabilities,
                        read_out(unembedding, normalized, as_second).scored_log_probabilities));
}

// One target is compared with float64 above.
TEST(Readout, ScoresEachOfSeveralTargetsAsItWouldItAlone) {
  const Unembedding unembedding = unembedding_of(random({2100, 24}, 0.5, 3));
  const at::Tensor rows = random({3, 50, 24}, 1.0, 4);
  ReadoutOptions options;
  options.target_ids = at::stack(
      {some_targets(50, 2100), at::full({50}, 7, at::kLong), at::arange(2050, 2100, at::kLong)});
  const Readout all = read_out(unembedding, rows, options);
  EXPECT_EQ(all.target_ranks.sizes(), at::IntArrayRef({3, 3, 50}));
  for (std::int64_t target = 0; target < 3; ++target) {
    ReadoutOptions alone = options;
    alone.target_ids = options.target_ids[target];
    const Readout one = read_out(unembedding, rows, alone);
    for (at::Tensor Readout::*member :
         {&Readout::target_ranks, &Readout::target_logits, &Readout::target_log_probabilities})
      EXPECT_TRUE((one.*member).equal((all.*member)[target])) << "target " << target;
  }
  options.target_ids = at::zeros({2, 49}, at::kLong);
  EXPECT_THROW(read_out(unembedding, rows, options), UsageError);
  options.target_ids = at::full({2, 50}, 2100, at::kLong);
  EXPECT_THROW(read_out(unembedding, rows, options), UsageError);
}

TEST(Readout, DoesNotDependOnTheNumberOfThreads) {
  const Unembedding unembedding = unembedding_of(random({9001, 96}, 0.5, 18));
  const at::Tensor normalized = random({7, 150, 96}, 1.0, 19);
  ReadoutOptions options;
  options.target_ids = some_targets(150, 9001);
  const int before = thread_report().threads;
  set_threads(1);
  const Readout one = read_out(unembedding, normalized, options);
  set_threads(3);
  const Readout two = read_out(unembedding, normalized, options);
  set_threads(before);
  EXPECT_TRUE(at::equal(one.top_ids, two.top_ids));
  EXPECT_TRUE(at::equal(one.top_logits, two.top_logits));
  EXPECT_TRUE(at::equal(one.log_sum_exp, two.log_sum_exp));
  EXPECT_TRUE(at::equal(one.entropy, two.entropy));
  EXPECT_TRUE(at::equal(one.kl_to_last, two.kl_to_last));
  EXPECT_TRUE(at::equal(one.target_ranks, two.target_ranks));
}

TEST(Readout, LeavesOutWhatWasNotAskedFor) {
  ReadoutOptions options;
  options.top_k = 0;
  options.entropy = options.kl_to_last = false;
  const Readout r =
      read_out(unembedding_of(random({100, 8}, 1.0, 20)), random({2, 3, 8}, 1.0, 21), options);
  EXPECT_FALSE(r.top_ids.defined());
  EXPECT_FALSE(r.entropy.defined());
  EXPECT_FALSE(r.kl_to_last.defined());
  EXPECT_FALSE(r.target_ids.defined());
  EXPECT_TRUE(r.log_sum_exp.defined());
}

TEST(Readout, RefusesShapesThatDoNotFit) {
  const Unembedding unembedding = unembedding_of(at::ones({10, 4}));
  EXPECT_THROW(read_out(unembedding, at::ones({2, 4}), {}), UsageError);
  EXPECT_THROW(read_out(unembedding, at::ones({1, 0, 4}), {}), UsageError);
  EXPECT_THROW(read_out(unembedding, at::ones({1, 2, 5}), {}), UsageError);
}

TEST(Readout, RefusesTopKAboveTheVocabulary) {
  ReadoutOptions options;
  options.top_k = 11;
  EXPECT_THROW(read_out(unembedding_of(at::ones({10, 4})), at::ones({1, 2, 4}), options),
               UsageError);
}

TEST(Readout, RefusesTargetsOutsideTheVocabulary) {
  ReadoutOptions options;
  options.target_ids = at::full({2}, 10, at::kLong);
  EXPECT_THROW(read_out(unembedding_of(at::ones({10, 4})), at::ones({1, 2, 4}), options),
               UsageError);
  options.target_ids = at::zeros({3}, at::kLong);
  EXPECT_THROW(read_out(unembedding_of(at::ones({10, 4})), at::ones({1, 2, 4}), options),
               UsageError);
}

TEST(Readout, SaysWhereALogitIsNotFinite) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
        -std::numeric_limits<float>::infinity()}) {
    at::Tensor normalized = at::ones({2, 3, 4});
    normalized[1][2][0] = bad;
    ReadoutOptions options;
    options.top_k = 1;
    EXPECT_THROW(read_out(unembedding_of(at::ones({10, 4})), normalized, options), RunError);
  }
}

}  // namespace
}  // namespace lensbench
