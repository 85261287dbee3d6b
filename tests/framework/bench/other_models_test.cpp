#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <lensbench/experiment.hpp>
#include <memory>
#include <string>
#include <vector>

#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/random_model.hpp"

// Contexts of further models, to which an experiment attaches its tools.

namespace lensbench {
namespace {

const std::vector<std::string> kFirstStream = {"blocks.0.hook_resid_pre"};

class OtherModels : public ::testing::Test {
 protected:
  Context& context_of(const std::shared_ptr<const Model>& model) { return case_.context_of(model); }

  const std::shared_ptr<const Model> own_ = random_model(small_gpt2_spec(), 1);
  const std::shared_ptr<const Model> earlier_ = random_model(small_gpt2_spec(), 2);
  const std::shared_ptr<const Model> later_ = random_model(small_gpt2_spec(), 3);
  const Tokens prompt_ = tokens_from_ids(*earlier_, {1, 2, 3});
  const CaseInput input_{"a", "", {1, 2, 3}, {}};
  const Parameters none_;
  Context run_ = testing::context_of(own_, 7);
  const Case case_ = testing::case_of(input_, run_, none_);
};

TEST_F(OtherModels, HaveContextsWithTheSeedOfTheRun) {
  EXPECT_EQ(&context_of(earlier_).model(), earlier_.get());
  EXPECT_EQ(context_of(earlier_).seed(), 7u);
}

TEST_F(OtherModels, HaveOneContextEach) {
  Context& first = context_of(earlier_);
  EXPECT_NE(&context_of(later_), &first);
  EXPECT_EQ(&context_of(earlier_), &first);
}

TEST_F(OtherModels, DoNotIncludeThatOfTheRunWhoseContextIsThatOfItsTools) {
  EXPECT_EQ(&context_of(own_), &run_);
  // An experiment knows the model of the run by reference alone.
  const std::shared_ptr<const Model> without_owner(std::shared_ptr<const Model>(), &case_.model());
  EXPECT_EQ(&context_of(without_owner), &run_);
}

TEST_F(OtherModels, AreRefusedAsANullPointerAndTheRunGoesOn) {
  EXPECT_THAT(testing::message_of<UsageError>([&] { context_of(nullptr); }),
              ::testing::HasSubstr("the model is a null pointer"));
  ContextAccess::begin_case(run_);
  EXPECT_EQ(&context_of(earlier_).model(), earlier_.get());
}

TEST_F(OtherModels, KeepTheActivationsOfACase) {
  Context& context = context_of(earlier_);
  context.activations(prompt_, kFirstStream);
  context.activations(prompt_, kFirstStream);
  EXPECT_EQ(ContextAccess::forwards(context), 1);
  ContextAccess::begin_case(run_);
  context.activations(prompt_, kFirstStream);
  EXPECT_EQ(ContextAccess::forwards(context), 2);
}

TEST_F(OtherModels, CountAmongTheForwardsOfTheRun) {
  run_.activations(prompt_, kFirstStream);
  for (const auto& model : {earlier_, later_, later_})
    context_of(model).activations(prompt_, kFirstStream);
  EXPECT_EQ(ContextAccess::forwards(run_), 3);
  EXPECT_EQ(ContextAccess::shared(run_), 1);
}

TEST_F(OtherModels, DoNotShareForwardsInARunThatDoesNot) {
  Context apart = testing::context_of(own_, 7, false);
  Context& context = testing::case_of(input_, apart, none_).context_of(earlier_);
  context.activations(prompt_, kFirstStream);
  context.activations(prompt_, kFirstStream);
  EXPECT_EQ(ContextAccess::forwards(context), 2);
}

}  // namespace
}  // namespace lensbench
