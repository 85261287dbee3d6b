#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <lensbench/error.hpp>
#include <lensbench/hypothesis.hpp>
#include <lensbench/statistics.hpp>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "support/error_matchers.hpp"
#include "support/folders.hpp"

namespace lensbench::statistics {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

const double kNotDetermined = std::numeric_limits<double>::quiet_NaN();

std::vector<double> drawn(const std::vector<double>& values,
                          const std::vector<std::size_t>& cases) {
  std::vector<double> sample;
  for (const std::size_t i : cases) sample.push_back(values[i]);
  return sample;
}

SampleStatistic mean_of(const std::vector<double>& values) {
  return [values](const auto& cases) { return std::vector<double>{mean(drawn(values, cases))}; };
}

double share_of(const Bootstrap& result, double value) {
  return result.draws.eq(value).to(at::kDouble).mean().item<double>();
}

// Values 0 and 1 have four equally likely samples: 00, 01, 10, 11, with the means 0, 1/2, 1/2, 1.
TEST(BootstrapOfTwoCases, DrawsTheFourSamplesEquallyOften) {
  const Bootstrap result = bootstrap(2, mean_of({0, 1}));
  // Standard errors of a share of 1/4 and of 1/2 in 10,000 samples.
  const double quarter = std::sqrt(0.25 * 0.75 / 10000), half = std::sqrt(0.5 * 0.5 / 10000);
  EXPECT_NEAR(share_of(result, 0), 0.25, 4 * quarter);
  EXPECT_NEAR(share_of(result, 0.5), 0.5, 4 * half);
  EXPECT_NEAR(share_of(result, 1), 0.25, 4 * quarter);
  EXPECT_EQ(result.draws.sizes(), (std::vector<std::int64_t>{10000, 1}));
}

TEST(BootstrapOfTwoCases, HasTheQuantilesOfTheFourSamplesAsBounds) {
  const auto interval = [](double confidence) {
    return bootstrap(2, mean_of({0, 1}), {10000, 7, confidence}).intervals.front();
  };
  EXPECT_EQ(interval(0.95).estimate, 0.5);
  EXPECT_EQ(interval(0.95).low, 0);  // the share 0.025 is among the quarter of samples with mean 0
  EXPECT_EQ(interval(0.95).high, 1);
  EXPECT_EQ(interval(0.6).low, 0);  // 0.2
  EXPECT_EQ(interval(0.6).high, 1);
  EXPECT_EQ(interval(0.4).low, 0.5);  // 0.3
  EXPECT_EQ(interval(0.4).high, 0.5);
}

TEST(Bootstrap, FindsTheIntervalsOfSciPy) {
  const auto expected =
      nlohmann::json::parse(std::ifstream(testing::data_folder() + "/statistics/bootstrap.json"));
  const std::vector<double> x = expected["x"], y = expected["y"];
  const std::map<std::string, std::size_t> places = {
      {"pearson", 0}, {"spearman", 1}, {"ratio_of_medians", 2}};
  const Bootstrap result =
      bootstrap(x.size(),
                [&](const auto& cases) {
                  const auto a = drawn(x, cases), b = drawn(y, cases);
                  return std::vector<double>{pearson(a, b), spearman(a, b),
                                             quantile(a, 0.5) / quantile(b, 0.5)};
                },
                {expected["draws"], 3, 0.95});
  ASSERT_EQ(expected["statistics"].size(), places.size());
  for (const auto& [name, one] : expected["statistics"].items()) {
    const Interval& found = result.intervals[places.at(name)];
    EXPECT_NEAR(found.estimate, one["estimate"].get<double>(), 1e-12) << name;
    EXPECT_GE(found.low, one["low"][0].get<double>()) << name;
    EXPECT_LE(found.low, one["low"][1].get<double>()) << name;
    EXPECT_GE(found.high, one["high"][0].get<double>()) << name;
    EXPECT_LE(found.high, one["high"][1].get<double>()) << name;
  }
}

TEST(Bootstrap, DependsOnItsSeedAlone) {
  const auto statistic = mean_of({1, 2, 4, 8, 16});
  EXPECT_TRUE(bootstrap(5, statistic, {200, 3, 0.95})
                  .draws.equal(bootstrap(5, statistic, {200, 3, 0.9}).draws));
  EXPECT_FALSE(bootstrap(5, statistic, {200, 3, 0.95})
                   .draws.equal(bootstrap(5, statistic, {200, 4, 0.95}).draws));
}

TEST(Bootstrap, DrawsWholeGroups) {
  // Groups a (0, 0, 0) and b (1): the samples aa, ab, ba, bb have the means 0, 1/4, 1/4, 1.
  const Bootstrap result =
      bootstrap(4, mean_of({0, 0, 1, 0}), {10000, 5, 0.4}, {"a", "a", "b", "a"});
  EXPECT_NEAR(share_of(result, 0), 0.25, 4 * std::sqrt(0.25 * 0.75 / 10000));
  EXPECT_NEAR(share_of(result, 0.25), 0.5, 4 * std::sqrt(0.5 * 0.5 / 10000));
  EXPECT_NEAR(share_of(result, 1), 0.25, 4 * std::sqrt(0.25 * 0.75 / 10000));
  EXPECT_EQ(result.intervals.front().estimate, 0.25);
  EXPECT_EQ(result.intervals.front().low, 0.25);
}

TEST(Bootstrap, LeavesOutSamplesThatDoNotDetermineTheNumber) {
  // The first number is determined by samples with both cases, the second one by none.
  const Bootstrap result = bootstrap(2, [](const auto& cases) {
    const bool one = cases.front() == cases.back();
    return std::vector<double>{one ? kNotDetermined : 0.0, kNotDetermined};
  });
  EXPECT_EQ(result.intervals[0].low, 0);
  EXPECT_EQ(result.intervals[0].high, 0);
  EXPECT_TRUE(std::isnan(result.intervals[1].low));
  EXPECT_NEAR(result.draws.select(1, 0).isnan().to(at::kDouble).mean().item<double>(), 0.5,
              4 * std::sqrt(0.25 / 10000));
}

TEST(Bootstrap, OfOneCaseOrOneGroupHasNoBounds) {
  const Bootstrap one = bootstrap(1, mean_of({3})),
                  group = bootstrap(2, mean_of({3, 5}), {}, {"a", "a"});
  EXPECT_EQ(one.intervals.front().estimate, 3);
  EXPECT_EQ(group.intervals.front().estimate, 4);
  for (const Bootstrap* result : {&one, &group}) {
    EXPECT_TRUE(std::isnan(result->intervals.front().low));
    EXPECT_TRUE(std::isnan(result->intervals.front().high));
    EXPECT_EQ(result->draws.size(0), 0);
  }
}

TEST(Bootstrap, RefusesWhatItCannotUse) {
  const auto message = [](const SampleStatistic& statistic, const Resampling& resampling,
                          const std::vector<std::string>& groups) {
    return message_of<UsageError>([&] { bootstrap(3, statistic, resampling, groups); });
  };
  const auto statistic = mean_of({1, 2, 3});
  EXPECT_THAT(message(statistic, {99, 0, 0.95}, {}), HasSubstr("expected at least 100"));
  EXPECT_THAT(message(statistic, {100, 0, 1}, {}), HasSubstr("between 0 and 1"));
  EXPECT_THAT(message(statistic, {}, {"a", "b"}), HasSubstr("2 labels of groups for 3 cases"));
  const auto growing = [n = std::size_t{0}](const auto&) mutable {
    return std::vector<double>(++n, 0.0);
  };
  EXPECT_THAT(message(growing, {}, {}), HasSubstr("gave 2 numbers"));
}

}  // namespace
}  // namespace lensbench::statistics
