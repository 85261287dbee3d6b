#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "bench/runner.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/fixture_plugins.hpp"
#include "support/random_model.hpp"

// Values that an experiment passes on, which its tools check before the first case.

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

class CheckedParameters : public ::testing::Test {
 protected:
  CheckedParameters() { host_.add(testing::fixture("checked_parameters")); }

  void check(const std::string& experiment, const Settings& given) {
    const PluginInfo& entry = host_.find(PluginEntryKind::experiment, experiment);
    BoundExperiment bound(host_, create_experiment(host_, experiment), context_);
    bound.check_parameters(host_.resolve(entry, given), context_.model());
  }
  std::string refusal(const std::string& experiment, const Settings& given) {
    return message_of<UsageError>([&] { check(experiment, given); });
  }

  PluginHost host_{{.allow_insecure = true}};
  Context context_ = testing::context_of(random_model(small_gpt2_spec(), 1));
  std::string blocks_ = std::to_string(context_.model().spec().n_layers);
  std::string too_many_ = std::to_string(context_.model().spec().n_layers + 1);
};

TEST_F(CheckedParameters, OfOneNameAndTypeAreCheckedByTheToolWithoutALineOfTheExperiment) {
  EXPECT_NO_THROW(check("passes_rows", {{"rows", blocks_}}));
  EXPECT_THAT(refusal("passes_rows", {{"rows", too_many_}}), HasSubstr("rows is " + too_many_));
}

// `scale` is a text of the experiment and a number of the tool, which would refuse it.
TEST_F(CheckedParameters, OfAnotherTypeAreNotTheToolsOwn) {
  EXPECT_NO_THROW(check("passes_rows", {{"scale", "not a number"}}));
}

// `named_rows` refuses two rows, but whether it is called with them is not known without its name.
TEST_F(CheckedParameters, OfAToolThatNeedsAnotherOneAreLeftToItsCall) {
  ASSERT_GE(context_.model().spec().n_layers, 2);
  EXPECT_NO_THROW(check("passes_rows", {{"rows", "2"}}));
}

TEST_F(CheckedParameters, UnderAnotherNameAreCheckedByTheExperimentItself) {
  EXPECT_NO_THROW(check("passes_height", {{"height", blocks_}}));
  EXPECT_THAT(refusal("passes_height", {{"height", too_many_}}), HasSubstr("rows is " + too_many_));
}

TEST_F(CheckedParameters, OfAToolThatRunsAloneAreAllCheckedByIt) {
  const auto bound = BoundExperiment::of_tool(host_, "rows", context_);
  const PluginInfo& entry = host_.find(PluginEntryKind::tool, "rows");
  EXPECT_THAT(
      message_of<UsageError>([&] {
        bound.check_parameters(host_.resolve(entry, {{"rows", too_many_}}), context_.model());
      }),
      HasSubstr("rows is " + too_many_));
}

}  // namespace
}  // namespace lensbench
