#include "grading/output/grade_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace lensbench::grading {
namespace {

using ::testing::Contains;

Entry features_entry(const char* claim, double mcc) {
  Entry entry;
  entry.tool = "finds";
  entry.claim = claim;
  entry.kind = TableKind::features;
  estimate(entry, {}, {0, 0, 0},
           {.random = false, .shuffled = false, .permuted = false, .null = false}, 1);
  entry.estimates.front().value = mcc;
  return entry;
}

// Activations have no random band, and may be the best row of their table.
TEST(GradeText, HasTheBandOfTheFirstRowThatHasOne) {
  Grades grades;
  grades.entries = {features_entry("feature.activation", 0.9),
                    features_entry("feature.direction", 0.8)};
  Estimate& mcc = grades.entries[1].estimates.front();
  mcc.random = 0.5;
  mcc.random_low = 0.4;
  mcc.random_high = 0.6;
  EXPECT_THAT(grade_text(grades, {}, {}), Contains("random scores: 0.50 [0.40, 0.60]"));
  mcc.components = 0.38;
  mcc.tokens = 0.75;
  EXPECT_THAT(grade_text(grades, {}, {}),
              Contains("random scores: 0.50 [0.40, 0.60]; principal components of the tokens: "
                       "0.38; tokens as directions: 0.75"));
}

}  // namespace
}  // namespace lensbench::grading
