#include "report/summary/show_costs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "archive/seal/run_tables.hpp"

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

const double kNaN = std::numeric_limits<double>::quiet_NaN();

ProfileEntry entry(std::int64_t block, const std::string& component, double seconds,
                   std::int64_t peak) {
  return {block, component, 1, seconds, 2 * peak, peak, 10};
}

TEST(ShowCosts, IsEmptyForARunThatKeptNone) {
  EXPECT_EQ(describe_costs(describe_costs_json(Dataset(), "a.h5")), "");
}

TEST(ShowCosts, SaysWhatIsNotKnown) {
  CaseCosts one;
  one.whole = {1.5, kNaN, 1};
  one.tools = {{"lens", {1.25, kNaN, 2}}};
  RunCosts costs;
  costs.add(0, one);
  EXPECT_THAT(describe_costs(describe_costs_json(costs.table(), "a.h5")),
              AllOf(HasSubstr("1.50 s in cases"), HasSubstr("unknown"), HasSubstr("lens")));
}

TEST(ShowCosts, SumsComponentsAndListsBlocks) {
  CaseCosts one;
  one.whole = {1.0, 100, 1};
  one.profile = {entry(-1, "embed", 0.25, 1 << 20), entry(0, "mlp", 0.5, 1 << 20),
                 entry(1, "mlp", 0.25, 1 << 21)};
  RunCosts costs;
  costs.add(0, one);
  const std::string text = describe_costs(describe_costs_json(costs.table(), "a.h5"));
  EXPECT_THAT(text, HasSubstr("mlp            2   0.7500  75.0 %       6.0 MiB         2.0 MiB"));
  EXPECT_THAT(text, HasSubstr("seconds by block"));
}

}  // namespace
}  // namespace lensbench
