#include "report/summary/diff_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lensbench {
namespace {

using ::testing::HasSubstr;

/// Another seed, and one of four values that differs.
ArchiveDifference one_value() {
  VariableDifference entropy;
  entropy.name = "entropy";
  entropy.agreement = Agreement::different;
  entropy.elements = 4;
  entropy.differing = 1;
  entropy.max_absolute = 0.5;
  entropy.first = "layer 0, token 1";
  DatasetDifference lens;
  lens.name = "lens";
  lens.variables = {entropy};
  lens.first_case = "one";
  lens.first_token = "token 1 (case 0, position 1)";
  ArchiveDifference difference;
  difference.recipe = {{"request/seed", "0", "3"}};
  difference.datasets = {lens};
  return difference;
}

TEST(DiffText, SaysWhatDiffersAndWhereFirst) {
  const std::string text = describe(one_value());
  EXPECT_THAT(text, HasSubstr("request/seed: 0 -> 3"));
  EXPECT_THAT(text, HasSubstr("lens/entropy: different, 1 of 4 differ, by at most 0.5"));
  EXPECT_THAT(text, HasSubstr("first at layer 0, token 1"));
  EXPECT_THAT(text, HasSubstr("lens differs first in case 'one', token 1 (case 0, position 1)"));
}

TEST(DiffText, HasTheSameFactsForAScript) {
  const auto json = to_json(one_value());
  EXPECT_EQ(json["datasets"]["lens"]["variables"]["entropy"]["differing"], 1);
  EXPECT_EQ(json["results"], "different");
}

}  // namespace
}  // namespace lensbench
