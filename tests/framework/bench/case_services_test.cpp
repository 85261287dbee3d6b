#include "bench/case_services.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "support/contexts.hpp"
#include "support/memory_sink.hpp"
#include "support/random_model.hpp"

// States of long work: most belong to a case, some to the whole run.

namespace lensbench {
namespace {

Dataset a_state() {
  Dataset state;
  state.add("value", {}, at::zeros({}), "1", "a value");
  return state;
}

class StatesOfWork : public ::testing::Test {
 protected:
  Context context_ = testing::context_of(random_model(small_gpt2_spec(), 1));
  testing::MemorySink sink_;
  RunControl control_;
  CostMeter meter_{nullptr};
  CaseServices services_{context_, sink_, control_, meter_};
};

TEST_F(StatesOfWork, OfACaseAreNotThoseOfTheNext) {
  services_.begin_case(0, 0, nullptr);
  context_.commit("half", a_state());
  EXPECT_TRUE(context_.committed("half").has_value());
  services_.begin_case(1, 0, nullptr);
  EXPECT_FALSE(context_.committed("half").has_value());
}

TEST_F(StatesOfWork, OfTheRunAreThereInEveryCaseAndAfterTheLast) {
  services_.begin_case(0, 0, nullptr);
  context_.commit("run_means", a_state());
  services_.begin_case(1, 1, nullptr);
  EXPECT_TRUE(context_.committed("run_means").has_value());
  services_.end_case();
  EXPECT_TRUE(context_.committed("run_means").has_value());
}

TEST_F(StatesOfWork, OfACaseAreRefusedWhereNoCaseRuns) {
  EXPECT_THROW(context_.commit("half", a_state()), UsageError);
  EXPECT_NO_THROW(context_.commit("run_means", a_state()));
}

TEST(StatesWithoutARun, LastUntilTheNextCaseOrAsLongAsTheContext) {
  Context context = testing::context_of(random_model(small_gpt2_spec(), 1));
  context.commit("half", a_state());
  context.commit("run_means", a_state());
  ContextAccess::begin_case(context);
  EXPECT_FALSE(context.committed("half").has_value());
  EXPECT_TRUE(context.committed("run_means").has_value());
}

}  // namespace
}  // namespace lensbench
