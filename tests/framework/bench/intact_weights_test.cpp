#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>

#include "bench/runner.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/fixture_plugins.hpp"
#include "support/memory_sink.hpp"
#include "support/random_model.hpp"

// Code of plug-ins that writes into the weights, after which no result can be right.

namespace lensbench {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

class WritingIntoWeights : public ::testing::Test {
 protected:
  WritingIntoWeights() { host_.add(testing::fixture("writes_weights")); }

  /// Runs cases of one, two and three tokens. `zeroes` writes in the second.
  void run(PluginEntryKind kind, const std::string& name, const Settings& settings = {}) {
    Context context = testing::context_of(model_);
    auto bound = kind == PluginEntryKind::tool
                     ? BoundExperiment::of_tool(host_, name, context)
                     : BoundExperiment(host_, create_experiment(host_, name), context);
    const auto parameters = host_.resolve(host_.find(kind, name), settings);
    bound.run({{"one", "", {1}, {}}, {"two", "", {1, 2}, {}}, {"three", "", {1, 2, 3}, {}}},
              parameters, context, sink_);
  }
  std::string message(PluginEntryKind kind, const std::string& name,
                      const Settings& settings = {}) {
    return message_of<RunError>([&] { run(kind, name, settings); });
  }

  PluginHost host_{{.allow_insecure = true}};
  std::shared_ptr<const Model> model_ = random_model(small_gpt2_spec(), 1);
  testing::MemorySink sink_;
};

TEST_F(WritingIntoWeights, EndsTheRunWithTheNamesOfTheCaseAndTheTool) {
  EXPECT_THAT(message(PluginEntryKind::tool, "zeroes"),
              AllOf(HasSubstr("case 'two', tool 'zeroes': it changed weights of the model"),
                    HasSubstr("unembedding"), HasSubstr("clone")));
}

TEST_F(WritingIntoWeights, KeepsTheCasesBeforeItAndNoOther) {
  message(PluginEntryKind::tool, "zeroes");
  EXPECT_EQ(sink_.committed.size(), 1u);
  EXPECT_TRUE(sink_.committed.contains(0));
  EXPECT_TRUE(sink_.failures.empty());
}

TEST_F(WritingIntoWeights, IsNoticedThroughAViewOfAStoredMatrix) {
  EXPECT_THAT(message(PluginEntryKind::tool, "zeroes", {{"weight", "blocks.1.attn.W_Q"}}),
              AllOf(HasSubstr("tool 'zeroes'"), HasSubstr("(block 1)")));
}

TEST_F(WritingIntoWeights, OfAnExperimentBlamesNoTool) {
  EXPECT_THAT(message(PluginEntryKind::experiment, "writes_itself"),
              HasSubstr("case 'one', the experiment: it changed weights"));
}

TEST_F(WritingIntoWeights, InASummaryIsNoticed) {
  EXPECT_THAT(message(PluginEntryKind::experiment, "writes_itself", {{"in", "finish"}}),
              HasSubstr("the experiment's summary over the cases: it changed weights"));
  EXPECT_EQ(sink_.committed.size(), 3u);
}

TEST_F(WritingIntoWeights, EndsEveryLaterRunOfTheModelBeforeItsFirstCase) {
  message(PluginEntryKind::tool, "zeroes");
  sink_.committed.clear();
  EXPECT_THAT(message(PluginEntryKind::tool, "reads"), HasSubstr("before the first case"));
  EXPECT_TRUE(sink_.committed.empty());
}

TEST_F(WritingIntoWeights, IsNotToReadThem) {
  EXPECT_NO_THROW(run(PluginEntryKind::tool, "reads"));
  EXPECT_EQ(sink_.committed.size(), 3u);
}

}  // namespace
}  // namespace lensbench
