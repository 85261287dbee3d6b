#include "core/text/number_text.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace lensbench {
namespace {

TEST(NumberText, IsTheShortestThatReadsBack) {
  EXPECT_EQ(shortest_text(0.1), "0.1");
  EXPECT_EQ(shortest_text(1e-8), "1e-08");
  EXPECT_EQ(shortest_text(-3), "-3");
  EXPECT_EQ(std::stod(shortest_text(1.0 / 3.0)), 1.0 / 3.0);
}

TEST(NumberText, HasThreeDigitsWhereItIsRounded) {
  EXPECT_EQ(rounded_text(2.0 / 3.0), "0.667");
  EXPECT_EQ(rounded_text(1.23456e-7), "1.23e-07");
  EXPECT_EQ(rounded_text(std::numeric_limits<double>::infinity()), "inf");
}

}  // namespace
}  // namespace lensbench
