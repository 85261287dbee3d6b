#include "bench/cost_meter.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <lensbench/experiment.hpp>
#include <thread>

namespace lensbench {
namespace {

void wait_ms(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

// Declares two tools, whose calls last as long as the test requests.
class Sleeper final : public Tool {
 public:
  static constexpr const char* kInterfaceVersion = "1";
  Dataset run(const Request&) override { return {}; }
  int sleep(int ms) {
    wait_ms(ms);
    return ms;
  }
};

struct TwoTools final : Experiment {
  Uses<Sleeper> a{this, "a"}, b{this, "b"};
  Sleeper tool;
  CostMeter meter{nullptr};
  MeteredSlots metered{SlotAccess::slots(*this), meter};
  TwoTools() {
    SlotAccess::bind(a, tool);
    SlotAccess::bind(b, tool);
    meter.begin_case();
  }
  void run(Case&) override {}
};

TEST(CostMeter, CountsEachToolsCallsAndTime) {
  TwoTools x;
  x.a->sleep(20);
  x.a->sleep(20);
  x.b->sleep(1);
  const CaseCosts costs = x.meter.end_case();
  EXPECT_EQ(costs.tools.at("a").calls, 2);
  EXPECT_GE(costs.tools.at("a").seconds, 0.04);
  EXPECT_GT(costs.tools.at("b").seconds, 0);
  EXPECT_GE(costs.whole.seconds, costs.tools.at("a").seconds + costs.tools.at("b").seconds);
}

TEST(CostMeter, CountsTimeOfCallsWithinOneExpressionOnce) {
  TwoTools x;
  x.a->sleep(x.b->sleep(20));
  const CaseCosts costs = x.meter.end_case();
  EXPECT_GE(costs.tools.at("a").seconds, 0.04);
  EXPECT_EQ(costs.tools.at("b").calls, 1);
  EXPECT_EQ(costs.tools.at("b").seconds, 0);
}

TEST(CostMeter, ForgetsWhatOneCaseCostBeforeTheNext) {
  TwoTools x;
  x.a->sleep(1);
  x.meter.end_case();
  x.meter.begin_case();
  EXPECT_TRUE(x.meter.end_case().tools.empty());
}

TEST(CostMeter, EndsACallThatThrows) {
  TwoTools x;
  EXPECT_THROW(x.a->sleep([]() -> int { throw RunError("no"); }()), RunError);
  x.b->sleep(5);
  EXPECT_GT(x.meter.end_case().tools.at("b").seconds, 0);
}

}  // namespace
}  // namespace lensbench
