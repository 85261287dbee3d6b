#include <ATen/Context.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/streaming_statistics.hpp>
#include <vector>

#include "support/error_matchers.hpp"

namespace lensbench::statistics {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

at::Tensor normal_rows(std::int64_t rows, std::int64_t width, std::uint64_t seed) {
  at::manual_seed(seed);
  return at::randn({rows, width}, at::kDouble) * 3 + 100;
}

at::Tensor column(const std::vector<double>& values) {
  return at::tensor(values, at::kDouble).unsqueeze(1);
}

/// An object that was given `rows` in parts of `size`.
template <class Statistic>
Statistic in_parts(Statistic statistic, const at::Tensor& rows, std::int64_t size) {
  for (std::int64_t first = 0; first < rows.size(0); first += size)
    statistic.add(rows.narrow(0, first, std::min(size, rows.size(0) - first)));
  return statistic;
}

/// An object that got the first `size` rows by itself and the others by merging.
template <class Statistic>
Statistic merged(const Statistic& empty, const at::Tensor& rows, std::int64_t size) {
  Statistic first = empty, second = empty;
  first.add(rows.narrow(0, 0, size));
  second.add(rows.narrow(0, size, rows.size(0) - size));
  first.merge(second);
  return first;
}

double relative(const at::Tensor& found, const at::Tensor& expected) {
  return ((found - expected).abs() / expected.abs().clamp_min(1e-3)).max().item<double>();
}

TEST(StreamingMoments, OfACoinAreZeroOneAndMinusTwo) {
  StreamingMoments moments(1);
  moments.add(column({1, -1, 1, -1}));
  EXPECT_EQ(moments.mean().item<double>(), 0);
  EXPECT_DOUBLE_EQ(moments.variance().item<double>(), 4.0 / 3);
  EXPECT_DOUBLE_EQ(moments.excess_kurtosis().item<double>(), -2);
  EXPECT_DOUBLE_EQ(moments.root_mean_square().item<double>(), 1);
}

TEST(StreamingMoments, EqualTheFormulasOverAllRows) {
  const at::Tensor rows = normal_rows(500, 3, 1);
  const StreamingMoments moments = in_parts(StreamingMoments(3), rows, 17);
  const at::Tensor d = rows - rows.mean(0), m2 = d.pow(2).mean(0);
  EXPECT_LT(relative(moments.mean(), rows.mean(0)), 1e-13);
  EXPECT_LT(relative(moments.variance(), m2 * 500 / 499), 1e-12);
  EXPECT_LT(relative(moments.excess_kurtosis(), d.pow(4).mean(0) / m2.pow(2) - 3), 1e-10);
  EXPECT_LT(relative(moments.root_mean_square(), rows.pow(2).mean(0).sqrt()), 1e-12);
}

TEST(StreamingMoments, AreEqualInEveryBitForAnySplit) {
  const at::Tensor rows = normal_rows(200, 4, 2);
  const StreamingMoments whole = in_parts(StreamingMoments(4), rows, 200);
  for (const std::int64_t size : {1, 7, 64, 150}) {
    const StreamingMoments split = in_parts(StreamingMoments(4), rows, size);
    EXPECT_TRUE(at::equal(split.variance(), whole.variance()));
    EXPECT_TRUE(at::equal(split.excess_kurtosis(), whole.excess_kurtosis()));
  }
}

TEST(StreamingMoments, MergeToThoseOfAllRows) {
  const at::Tensor rows = normal_rows(200, 4, 3);
  const StreamingMoments whole = in_parts(StreamingMoments(4), rows, 200);
  for (const std::int64_t size : {0, 1, 77, 200}) {
    const StreamingMoments parts = merged(StreamingMoments(4), rows, size);
    EXPECT_EQ(parts.count(), 200);
    EXPECT_LT(relative(parts.mean(), whole.mean()), 1e-13);
    EXPECT_LT(relative(parts.variance(), whole.variance()), 1e-12);
    EXPECT_LT(relative(parts.excess_kurtosis(), whole.excess_kurtosis()), 1e-9);
  }
}

TEST(StreamingMoments, OfTooFewRowsAreNan) {
  StreamingMoments moments(1);
  EXPECT_TRUE(std::isnan(moments.mean().item<double>()));
  moments.add(column({5}));
  EXPECT_EQ(moments.mean().item<double>(), 5);
  EXPECT_TRUE(std::isnan(moments.variance().item<double>()));
  EXPECT_TRUE(std::isnan(moments.excess_kurtosis().item<double>()));
}

TEST(StreamingCovariance, IsThatOfAHandExample) {
  // (0, 0), (2, 0), (1, 3): means 1 and 1, scatter [[2, 0], [0, 6]], divided by 2.
  StreamingCovariance covariance(2);
  covariance.add(at::tensor({0., 0., 2., 0., 1., 3.}, at::kDouble).view({3, 2}));
  EXPECT_TRUE(at::allclose(covariance.covariance(),
                           at::tensor({1., 0., 0., 3.}, at::kDouble).view({2, 2}), 0, 1e-14));
  EXPECT_TRUE(at::allclose(covariance.mean(), at::ones({2}, at::kDouble), 0, 1e-14));
}

TEST(StreamingCovariance, IsEqualInEveryBitForAnySplitAndSymmetric) {
  const at::Tensor rows = normal_rows(333, 5, 4);
  const at::Tensor whole = in_parts(StreamingCovariance(5), rows, 333).covariance();
  EXPECT_TRUE(at::equal(whole, whole.t()));
  for (const std::int64_t size : {1, 63, 64, 65, 200})
    EXPECT_TRUE(at::equal(in_parts(StreamingCovariance(5), rows, size).covariance(), whole));
  const at::Tensor d = rows - rows.mean(0);
  EXPECT_LT((whole - d.t().matmul(d) / 332).abs().max().item<double>(), 1e-11);
}

TEST(StreamingCovariance, MergesAndLeavesTheOtherAsItWas) {
  const at::Tensor rows = normal_rows(150, 3, 5);
  const at::Tensor whole = in_parts(StreamingCovariance(3), rows, 150).covariance();
  StreamingCovariance first(3), second(3);
  first.add(rows.narrow(0, 0, 40));
  second.add(rows.narrow(0, 40, 110));
  const at::Tensor before = second.covariance();
  first.merge(second);
  EXPECT_EQ(first.count(), 150);
  EXPECT_LT((first.covariance() - whole).abs().max().item<double>(), 1e-11);
  EXPECT_TRUE(at::equal(second.covariance(), before));
}

TEST(StreamingCovariance, OfACopyIsItsOwn) {
  const at::Tensor rows = normal_rows(100, 3, 7);
  StreamingCovariance first(3);
  first.add(rows.narrow(0, 0, 70));
  const at::Tensor before = first.covariance();
  StreamingCovariance second = first;
  second.add(rows.narrow(0, 70, 30));
  EXPECT_TRUE(at::equal(first.covariance(), before));
  EXPECT_FALSE(at::equal(second.covariance(), before));
}

TEST(StreamingCovariance, ReadsResultsWithoutEndingTheStream) {
  const at::Tensor rows = normal_rows(100, 3, 6);
  StreamingCovariance read(3);
  for (std::int64_t row = 0; row < 100; ++row) {
    read.add(rows.narrow(0, row, 1));
    read.covariance();
    read.mean();
  }
  EXPECT_TRUE(
      at::equal(read.covariance(), in_parts(StreamingCovariance(3), rows, 100).covariance()));
}

std::vector<std::int64_t> indices(const std::vector<TopEntry>& entries) {
  std::vector<std::int64_t> out;
  for (const TopEntry& entry : entries) out.push_back(entry.index);
  return out;
}

TEST(StreamingTop, KeepsTheLargestAndTheFirstOfEqualOnes) {
  StreamingTop top(1, 3);
  top.add(column({1, 5, 2}));
  top.add(column({5, 0, 2}));
  EXPECT_THAT(indices(top.of(0)), ElementsAre(1, 3, 2));
  EXPECT_EQ(top.of(0)[0].value, 5);
}

TEST(StreamingTop, KeepsOneOfEachGroupIfAsked) {
  StreamingTop top(1, 2, true);
  top.add(column({9, 8, 3, 10}), {7, 7, 4, 7});
  EXPECT_THAT(indices(top.of(0)), ElementsAre(3, 2));
}

TEST(StreamingTop, MergesEntriesOfOtherRows) {
  StreamingTop first(2, 2), second(2, 2);
  first.add(at::tensor({1., 9., 4., 2.}, at::kDouble).view({2, 2}));
  second.add(at::tensor({3., 3., 8., 7.}, at::kDouble).view({2, 2}));
  first.merge(second);
  EXPECT_EQ(first.of(0)[0].value, 8);
  EXPECT_EQ(first.of(0)[1].value, 4);
  EXPECT_EQ(first.of(1)[1].value, 7);
}

TEST(StreamingHistogram, PutsEdgesIntoTheUpperBinAndTheLastOneIntoTheLast) {
  StreamingHistogram histogram(1, 0, 1, 4);
  histogram.add(column({0, 0.25, 0.3, 1, -0.1, 1.1, 2}));
  EXPECT_TRUE(at::equal(histogram.counts(), at::tensor({1, 2, 0, 1}, at::kLong).view({1, 4})));
  EXPECT_EQ(histogram.below().item<std::int64_t>(), 1);
  EXPECT_EQ(histogram.above().item<std::int64_t>(), 2);
  EXPECT_EQ(histogram.count(), 7);
  EXPECT_TRUE(at::equal(histogram.edges(), at::tensor({0., 0.25, 0.5, 0.75, 1.}, at::kDouble)));
  StreamingHistogram twice = histogram;
  twice.merge(histogram);
  EXPECT_TRUE(at::equal(twice.counts(), histogram.counts() * 2));
}

TEST(Streaming, RefusesWhatDoesNotFit) {
  StreamingMoments moments(2);
  EXPECT_THAT(message_of<UsageError>([&] {
                moments.add(at::ones({1, 3}));
              }),
              HasSubstr("[1, 3], expected [row, 2]"));
  EXPECT_THAT(message_of<UsageError>([&] {
                moments.add(at::full({1, 2}, std::nan("")));
              }),
              HasSubstr("NaN"));
  EXPECT_THAT(message_of<UsageError>([&] { moments.merge(StreamingMoments(3)); }),
              HasSubstr("merge"));
  EXPECT_THAT(message_of<UsageError>([] { StreamingTop(1, 0); }), HasSubstr("k 0"));
  EXPECT_THAT(message_of<UsageError>([] { StreamingHistogram(1, 1, 1, 2); }), HasSubstr("edges"));
  StreamingHistogram histogram(1, 0, 1, 2);
  EXPECT_THAT(message_of<UsageError>([&] { histogram.merge(StreamingHistogram(1, 0, 2, 2)); }),
              HasSubstr("other bins"));
}

}  // namespace
}  // namespace lensbench::statistics
