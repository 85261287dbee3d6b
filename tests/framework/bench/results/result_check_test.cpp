#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "bench/runner.hpp"
#include "plugin/plugin_host.hpp"
#include "support/contexts.hpp"
#include "support/fixture_plugins.hpp"
#include "support/memory_sink.hpp"
#include "support/random_model.hpp"

// What becomes of a tool that throws or that returns what no reader could use.

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::place;
using ::testing::StartsWith;
using testing::TempDir;

class OddResults : public ::testing::Test {
 protected:
  OddResults() { host_.load(place(directory_, "odd_results")); }

  // Runs one case; returns what its failure says, or nothing.
  std::string failure(PluginEntryKind kind, const std::string& name, const std::string& how) {
    Context context = testing::context_of(model_);
    testing::MemorySink sink;
    auto bound = kind == PluginEntryKind::tool
                     ? BoundExperiment::of_tool(host_, name, context)
                     : BoundExperiment(host_, create_experiment(host_, name), context);
    const auto parameters = host_.resolve(host_.find(kind, name), {{"how", how}});
    const auto report = bound.run({{"one", "", {1, 2, 3}, {}}}, parameters, context, sink);
    exit_code_ = report.exit_code();
    return report.failures.empty() ? "" : report.failures.front().message;
  }
  std::string of_tool(const std::string& how) { return failure(PluginEntryKind::tool, "odd", how); }
  std::string of_experiment(const std::string& how) {
    return failure(PluginEntryKind::experiment, "uses_odd", how);
  }

  TempDir directory_;
  PluginHost host_;
  std::shared_ptr<const Model> model_ = random_model(small_gpt2_spec(), 1);
  int exit_code_ = 0;
};

TEST_F(OddResults, ThrownExceptionsFailTheCaseWithTheToolsName) {
  const std::map<std::string, std::string> messages = {
      {"throw_std", "tool 'odd': no such row"},
      {"throw_c10", "tool 'odd': sizes do not match"},
      {"throw_text", "tool 'odd': boom"},
      {"throw_int", "tool 'odd': it threw something that is not a std::exception"}};
  for (const auto& [how, message] : messages) {
    EXPECT_EQ(of_tool(how), message);
    EXPECT_EQ(of_experiment(how), message);
    EXPECT_EQ(exit_code_, 5);
  }
}

TEST_F(OddResults, AnExperimentsOwnExceptionBlamesNoTool) {
  EXPECT_EQ(of_experiment("own_fault"), "mine alone");
}

TEST_F(OddResults, WhatFinishThrowsIsAnErrorAfterTheCases) {
  try {
    of_experiment("throw_in_finish");
    FAIL() << "nothing was said";
  } catch (const RunError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("summary"), HasSubstr("not a std::exception")));
  }
}

TEST_F(OddResults, GoodOnesAndAnnouncedNansPass) {
  for (const char* how : {"well", "announced_nan"}) {
    EXPECT_EQ(of_tool(how), "");
    EXPECT_EQ(of_experiment(how), "");
  }
}

TEST_F(OddResults, BrokenPromisesAreToldWithToolVariableAndRule) {
  const std::map<std::string, std::string> rules = {
      {"nan", "'odd': 1 of 3 values are NaN, the first at thing 1"},
      {"no_coordinates", "axis 'token' lacks its coordinate 'token'; add_token_axis"},
      {"no_units", "'odd': lacks units"},
      {"resized", "'odd': dimension 'thing' has length 5, but 3"},
      {"nan_coordinate", "'thing': 3 of 3 values are NaN, the first at thing 0; a coordinate"},
      {"slash", "'odd/thing': not a valid name"},
      {"twice", "'odd': dimension 'thing' occurs twice"},
      {"axes", "'odd': the tensor has 1 axes, but 2 dimension names"},
      {"length", "'odd': dimension 'token' has length 4, but 3"},
      {"huge", "'odd': claims 1099511627776 elements"}};
  for (const auto& [how, rule] : rules)
    EXPECT_THAT(of_tool(how),
                AllOf(StartsWith("tool 'odd'"), HasSubstr(rule), Not(HasSubstr("saved from"))))
        << how;
}

TEST_F(OddResults, AMalformedResultIsAFailedRunAndNoWrongUsage) {
  of_tool("nan");
  EXPECT_EQ(exit_code_, 5);
}

TEST_F(OddResults, InAnExperimentTheDatasetIsNamed) {
  EXPECT_THAT(of_experiment("nan"),
              AllOf(HasSubstr("dataset 'result'"), HasSubstr("'odd'"), HasSubstr("NaN")));
}

TEST_F(OddResults, AreRefusedForAnInfinityThatNobodyExplains) {
  EXPECT_THAT(of_tool("infinity"),
              AllOf(HasSubstr("variable 'odd'"), HasSubstr("1 of 3 values are infinite")));
}

TEST_F(OddResults, AreRefusedForAVariableThatTheToolDoesNotDeclare) {
  EXPECT_THAT(
      of_tool("undeclared"),
      AllOf(HasSubstr("tool 'odd'"), HasSubstr("variable 'other' is not in the tool's table")));
}

TEST_F(OddResults, CarryTheViewThatTheToolDeclares) {
  Context context = testing::context_of(model_);
  testing::MemorySink sink;
  for (const char* experiment : {"", "uses_odd"}) {
    const bool is_tool = *experiment == 0;
    auto bound = is_tool ? BoundExperiment::of_tool(host_, "odd", context)
                         : BoundExperiment(host_, create_experiment(host_, experiment), context);
    const auto kind = is_tool ? PluginEntryKind::tool : PluginEntryKind::experiment;
    const auto parameters = host_.resolve(host_.find(kind, is_tool ? "odd" : experiment), {});
    bound.run({{"one", "", {1, 2, 3}, {}}}, parameters, context, sink);
    const Dataset saved = sink.read(0, is_tool ? "odd" : "result");
    EXPECT_EQ(std::get<std::string>(saved["odd"].attributes.at("view")), "bars") << experiment;
  }
}

}  // namespace
}  // namespace lensbench
