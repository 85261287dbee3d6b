#include "report/terminal/numbers.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace lensbench::terminal {
namespace {

TEST(Percent, AlwaysFillsAtMostTwoCells) {
  EXPECT_EQ(percent(0.0), "0");
  EXPECT_EQ(percent(0.8799), "87");
  EXPECT_EQ(percent(1.0), "99");
  EXPECT_EQ(percent(NAN), "");
}

TEST(ShortProbability, DropsTheLeadingZero) {
  EXPECT_EQ(short_probability(0.0321), ".032");
  EXPECT_EQ(short_probability(0.99999), "1.00");
}

TEST(ColumnOf, ShowsFourSignificantDigitsOfTheLargest) {
  EXPECT_EQ(column_of({12.3456, 0.5, NAN}), (std::vector<std::string>{"12.35", "0.50", ""}));
}

TEST(ColumnOf, ShowsWholeNumbersWithoutAPoint) {
  EXPECT_EQ(column_of({3, -12, 0}), (std::vector<std::string>{"3", "-12", "0"}));
}

TEST(ColumnOf, TurnsScientificForTinyAndHugeColumns) {
  EXPECT_EQ(column_of({0.000123456, 0.0000005}),
            (std::vector<std::string>{"1.23e-04", "5.00e-07"}));
}

}  // namespace
}  // namespace lensbench::terminal
