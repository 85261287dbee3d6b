#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "bench/runner.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/fixture_plugins.hpp"
#include "support/random_model.hpp"

// What code of a plug-in throws before the first case, where it ends the run.

namespace lensbench {
namespace {

using testing::message_of;

class BeforeTheCases : public ::testing::Test {
 protected:
  BeforeTheCases() { host_.add(testing::fixture("before_cases")); }

  /// The message of a run of this tool that goes as far as its first case.
  std::string of_tool(const std::string& name) {
    return message_of<RunError>([&] {
      const auto bound = BoundExperiment::of_tool(host_, name, context_);
      const auto parameters = host_.resolve(host_.find(PluginEntryKind::tool, name), {});
      bound.check_parameters(parameters, context_.model());
    });
  }

  PluginHost host_{{.allow_insecure = true}};
  Context context_ = testing::context_of(random_model(small_gpt2_spec(), 1));
};

TEST_F(BeforeTheCases, ATextThatACheckOfTheModelThrowsIsTheMessage) {
  EXPECT_EQ(of_tool("throws_of_model"),
            "tool 'throws_of_model': its check of the model failed: boom");
}

TEST_F(BeforeTheCases, ATextThatACheckOfTheParametersThrowsIsTheMessage) {
  EXPECT_EQ(of_tool("throws_of_parameters"),
            "tool 'throws_of_parameters': its check of the parameters failed: boom");
}

TEST_F(BeforeTheCases, ANumberThatACheckThrowsIsAnErrorOfItsTool) {
  EXPECT_EQ(of_tool("throws_a_number"),
            "tool 'throws_a_number': its check of the parameters failed: it threw something that "
            "is not a std::exception");
}

TEST_F(BeforeTheCases, ATextThatTheListOfHookPointsThrowsIsTheMessage) {
  EXPECT_EQ(of_tool("throws_of_hooks"),
            "tool 'throws_of_hooks': its list of hook points failed: boom");
}

TEST_F(BeforeTheCases, ATextThatTheNumberOfPassesThrowsIsTheMessage) {
  const BoundExperiment bound(host_, create_experiment(host_, "throws_of_passes"), context_);
  EXPECT_EQ(message_of<RunError>([&] { bound.passes({}); }),
            "the experiment's number of passes failed: boom");
}

}  // namespace
}  // namespace lensbench
