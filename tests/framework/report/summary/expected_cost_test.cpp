#include "report/summary/expected_cost.hpp"

#include <gtest/gtest.h>

namespace lensbench {
namespace {

TEST(ExpectedCost, LeavesOutWhatIsNotKnown) {
  const ExpectedCost steps{{std::nullopt, std::nullopt, 1}, 1};
  EXPECT_EQ(describe_expected_cost(expected_cost_json(steps)), "1 case: 1 step");
  const ExpectedCost operations{{120.0, std::nullopt, std::nullopt}, 2};
  EXPECT_EQ(describe_expected_cost(expected_cost_json(operations)),
            "2 cases: about 120 floating-point operations");
}

TEST(ExpectedCost, SaysWhereTheMemoryDoesNotSuffice) {
  const ExpectedCost cost{{std::nullopt, 2097152.0, std::nullopt}, 1};
  EXPECT_EQ(describe_expected_cost(expected_cost_json(cost), 1048576),
            "1 case: at most 2.0 MiB in addition to the model (only 1.0 MiB are available)");
}

TEST(ExpectedCost, IsUnknownWhereAnArchiveIsDamaged) {
  EXPECT_EQ(describe_expected_cost(nlohmann::json::array()), "0 cases: unknown");
  EXPECT_EQ(describe_expected_cost({{"cases", "many"}, {"bytes", nullptr}}), "0 cases: unknown");
}

}  // namespace
}  // namespace lensbench
