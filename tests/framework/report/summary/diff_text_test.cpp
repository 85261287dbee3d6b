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

TEST(DiffText, NamesLabelsThatOneArchiveHasAlone) {
  ArchiveDifference difference = one_value();
  difference.datasets[0].axes = {{"block", {"2"}, {"3", "4"}, 1, false}};
  EXPECT_THAT(describe(difference),
              HasSubstr("lens axis block: 1 label is in both and compared; only in the first: 2; "
                        "only in the second: 3, 4\n"));
  const auto written = to_json(difference)["datasets"]["lens"]["axes"]["block"];
  EXPECT_EQ(written["only_second"], (nlohmann::json{"3", "4"}));
  EXPECT_EQ(written["common"], 1);
}

TEST(DiffText, HasTheSameFactsForAScript) {
  const auto written = to_json(one_value());
  EXPECT_EQ(written["datasets"]["lens"]["variables"]["entropy"]["differing"], 1);
  EXPECT_EQ(written["results"], "different");
}

}  // namespace
}  // namespace lensbench
