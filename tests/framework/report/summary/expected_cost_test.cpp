#include "report/summary/expected_cost.hpp"

#include <gtest/gtest.h>

namespace lensbench {
namespace {

nlohmann::json cost_of(std::int64_t cases, const char* name, double number) {
  nlohmann::json cost = {{"cases", cases},
                         {"steps", nullptr},
                         {"floating_point_operations", nullptr},
                         {"bytes", nullptr}};
  cost[name] = number;
  return cost;
}

TEST(ExpectedCost, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(describe_expected_cost(cost_of(1, "steps", 1)), "1 case: 1 step");
  EXPECT_EQ(describe_expected_cost(cost_of(2, "floating_point_operations", 120)),
            "2 cases: about 120 floating-point operations");
  EXPECT_EQ(describe_expected_cost(cost_of(2, "floating_point_operations", 3.4e11)),
            "2 cases: about 3.4e11 floating-point operations");
}

TEST(ExpectedCost, SaysWhereTheMemoryDoesNotSuffice) {
  EXPECT_EQ(describe_expected_cost(cost_of(1, "bytes", 2097152), 1048576),
            "1 case: at most 2.0 MiB in addition to the model (only 1.0 MiB are available)");
}

TEST(ExpectedCost, IsUnknownWhereAnArchiveIsDamaged) {
  EXPECT_EQ(describe_expected_cost(nlohmann::json::array()), "0 cases: unknown");
  EXPECT_EQ(describe_expected_cost({{"cases", "many"}, {"bytes", nullptr}}), "0 cases: unknown");
}

}  // namespace
}  // namespace lensbench
