#include "report/figure/scale.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace lensbench::figure {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

MATCHER(NearlyEqual, "") {
  return std::abs(std::get<0>(arg) - std::get<1>(arg)) < 1e-12;
}

TEST(FigureScale, MapsTheEndsToZeroAndOne) {
  const Scale scale{-2, 6, false};
  EXPECT_DOUBLE_EQ(scale.share(-2), 0);
  EXPECT_DOUBLE_EQ(scale.share(0), 0.25);
  EXPECT_DOUBLE_EQ(scale.share(6), 1);
  EXPECT_DOUBLE_EQ(scale.share(14), 2);
}

TEST(FigureScale, ALogarithmicScaleHasEqualRatiosAtEqualDistances) {
  const Scale scale{0.01, 100, true};
  EXPECT_DOUBLE_EQ(scale.share(0.01), 0);
  EXPECT_DOUBLE_EQ(scale.share(1), 0.5);
  EXPECT_DOUBLE_EQ(scale.share(10), 0.75);
  EXPECT_TRUE(std::isnan(scale.share(0)));
  EXPECT_TRUE(std::isnan(scale.share(-1)));
}

TEST(FigureScale, ContainsTheValuesThatCanBeShown) {
  const Scale scale = scale_of({3, std::nan(""), -1, kInfinity, 2}, false);
  EXPECT_EQ(scale.low, -1);
  EXPECT_EQ(scale.high, 3);
  const Scale log = scale_of({0, 0.5, -3, 8}, true);
  EXPECT_EQ(log.low, 0.5);
  EXPECT_EQ(log.high, 8);
}

TEST(FigureScale, EqualValuesAreInTheMiddle) {
  EXPECT_DOUBLE_EQ(scale_of({4, 4}, false).share(4), 0.5);
  EXPECT_DOUBLE_EQ(scale_of({0}, false).share(0), 0.5);
  EXPECT_DOUBLE_EQ(scale_of({7}, true).share(7), 0.5);
  EXPECT_DOUBLE_EQ(scale_of({-7}, false).share(-7), 0.5);
}

// By hand: the smallest of 1, 2, 5 times a power of ten that leaves at most the wanted number of
// intervals.
TEST(FigureTicks, AreRoundNumbers) {
  EXPECT_THAT(ticks({0, 1, false}, 5), Pointwise(NearlyEqual(), {0., .2, .4, .6, .8, 1.}));
  EXPECT_THAT(ticks({0, 1, false}, 4), Pointwise(NearlyEqual(), {0., .5, 1.}));
  EXPECT_THAT(ticks({-0.3, 0.3, false}, 3), Pointwise(NearlyEqual(), {-.2, 0., .2}));
  EXPECT_THAT(ticks({2.1, 8.4, false}, 4), Pointwise(NearlyEqual(), {4., 6., 8.}));
  EXPECT_THAT(ticks({0, 12, false}, 6), Pointwise(NearlyEqual(), {0., 2., 4., 6., 8., 10., 12.}));
  EXPECT_THAT(ticks({0, 30000, false}, 3), Pointwise(NearlyEqual(), {0., 10000., 20000., 30000.}));
}

TEST(FigureTicks, OfALongLogarithmicScaleArePowersOfTen) {
  const auto close = [](double value) { return DoubleNear(value, value * 1e-12); };
  EXPECT_THAT(ticks({0.04, 0.6, true}, 4),
              ElementsAre(close(0.05), close(0.1), close(0.2), close(0.5)));
  EXPECT_THAT(ticks({0.001, 1, true}, 5),
              ElementsAre(close(0.001), close(0.01), close(0.1), close(1)));
  EXPECT_THAT(ticks({1e-8, 1, true}, 3), ElementsAre(close(1e-8), close(1e-5), close(1e-2)));
  // Within one power of ten they are those of a linear scale.
  EXPECT_THAT(ticks({2, 8, true}, 3), Pointwise(NearlyEqual(), {2., 4., 6., 8.}));
}

TEST(FigureTicks, AWidenedScaleEndsAtTicks) {
  const Scale scale = widened({0.13, 0.87, false}, 4);
  EXPECT_DOUBLE_EQ(scale.low, 0);
  EXPECT_DOUBLE_EQ(scale.high, 1);
  const Scale log = widened({0.02, 30, true}, 4);
  EXPECT_NEAR(log.low, 0.01, 1e-15);
  EXPECT_NEAR(log.high, 100, 1e-9);
}

TEST(FigureTicks, LabelsHaveTheDigitsThatTellThemApart) {
  EXPECT_THAT(tick_labels({0, 0.5, 1}), ElementsAre("0", "0.5", "1.0"));
  EXPECT_THAT(tick_labels({-0.2, 0, 0.2}), ElementsAre("\u22120.2", "0", "0.2"));
  EXPECT_THAT(tick_labels({0.25, 0.3, 0.35}), ElementsAre("0.25", "0.30", "0.35"));
  EXPECT_THAT(tick_labels({0, 2000, 4000}), ElementsAre("0", "2000", "4000"));
  EXPECT_THAT(tick_labels({0, 2e6, 4e6}), ElementsAre("0", "2e6", "4e6"));
  EXPECT_THAT(tick_labels({1e-5, 1.5e-5, 2e-5}),
              ElementsAre("1e\u22125", "1.5e\u22125", "2e\u22125"));
  EXPECT_THAT(tick_labels({0.001, 0.01, 0.1, 1}, true), ElementsAre("0.001", "0.01", "0.1", "1"));
  EXPECT_THAT(tick_labels({1e-8, 1e-5, 1e-2}, true),
              ElementsAre("1e\u22128", "1e\u22125", "1e\u22122"));
}

TEST(FigureTicks, StepsOfLabelsAreRound) {
  EXPECT_EQ(label_step(10, 10), 1u);
  EXPECT_EQ(label_step(11, 10), 2u);
  EXPECT_EQ(label_step(60, 9), 10u);
  EXPECT_EQ(label_step(4000, 9), 500u);
  EXPECT_EQ(label_step(7, 0), 10u);
}

TEST(FigureNumbers, HaveThreeDigits) {
  EXPECT_EQ(short_number(0.12345), "0.123");
  EXPECT_EQ(short_number(12.345), "12.3");
  EXPECT_EQ(short_number(1234.5), "1234");
  EXPECT_EQ(short_number(-0.5), "\u22120.5");
  EXPECT_EQ(short_number(17), "17");
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(0.000123), "1.23e\u22124");
  EXPECT_EQ(short_number(1.5e9), "1.5e9");
  EXPECT_EQ(short_number(std::nan("")), "");
  EXPECT_EQ(short_number(-kInfinity), "\u2212\u221e");
}

TEST(FigureNumbers, AreWrittenWithAPointAndWithoutZerosAtTheEnd) {
  EXPECT_EQ(decimal(2.50, 2), "2.5");
  EXPECT_EQ(decimal(3.0, 2), "3");
  EXPECT_EQ(decimal(-0.001, 2), "0");
  EXPECT_EQ(decimal(240.9448, 2), "240.94");
  EXPECT_EQ(decimal(100, 0), "100");
}

}  // namespace
}  // namespace lensbench::figure
