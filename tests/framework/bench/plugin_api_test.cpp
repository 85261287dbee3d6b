#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/plugin.hpp>

#include "bench/runner.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/fixture_plugins.hpp"
#include "support/memory_sink.hpp"
#include "support/random_model.hpp"

namespace lensbench {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

/// Index of a virtual function in the table of its class, by the Itanium C++ ABI.
template <class Function>
std::size_t slot_of(Function function) {
  std::size_t words[2] = {};
  static_assert(sizeof function == sizeof words);
  std::memcpy(words, &function, sizeof words);
  return (words[0] - 1) / sizeof(void*);
}

/// A class whose first own virtual function follows all those of its base, as the calls of a typed
/// interface follow those of `Tool`.
template <class Base>
struct Derived : Base {
  virtual void next() {}
};

// A plug-in is compiled with these numbers. Whoever changes one raises kPluginApiMajor.
TEST(PluginApi, HasTheVirtualFunctionsOfToolInThisOrder) {
  std::size_t slot = 2;  // after the two destructors
  EXPECT_EQ(slot_of(&Tool::check_compatible), slot++);
  EXPECT_EQ(slot_of(&Tool::check_parameters), slot++);
  EXPECT_EQ(slot_of(static_cast<Dataset (Tool::*)(const Request&)>(&Tool::run)), slot++);
  EXPECT_EQ(slot_of(&Tool::run_batch), slot++);
  EXPECT_EQ(slot_of(&Tool::estimate), slot++);
  EXPECT_EQ(slot_of(&Tool::usual_hooks), slot++);
  EXPECT_EQ(slot_of(&Tool::reads_prompts), slot++);
  EXPECT_EQ(slot_of(&Tool::takes_batches), slot++);
  EXPECT_EQ(slot_of(&Derived<Tool>::next), slot) << "there are further virtual functions";
}

TEST(PluginApi, HasTheVirtualFunctionsOfExperimentInThisOrder) {
  std::size_t slot = 2;
  EXPECT_EQ(slot_of(&Experiment::run), slot++);
  EXPECT_EQ(slot_of(&Experiment::finish), slot++);
  EXPECT_EQ(slot_of(&Experiment::passes), slot++);
  EXPECT_EQ(slot_of(&Experiment::partial), slot++);
  EXPECT_EQ(slot_of(&Experiment::combine), slot++);
  EXPECT_EQ(slot_of(&Experiment::check_parameters), slot++);
  EXPECT_EQ(slot_of(&Derived<Experiment>::next), slot) << "there are further virtual functions";
}

TEST(PluginApi, HasTheVirtualFunctionsOfSummaryInThisOrder) {
  std::size_t slot = 2;
  EXPECT_EQ(slot_of(&Summary::cases), slot++);
  EXPECT_EQ(slot_of(&Summary::input), slot++);
  EXPECT_EQ(slot_of(&Summary::dataset), slot++);
  EXPECT_EQ(slot_of(&Summary::save), slot++);
  EXPECT_EQ(slot_of(&Summary::parameters), slot++);
  EXPECT_EQ(slot_of(&Summary::seed), slot++);
  EXPECT_EQ(slot_of(&Derived<Summary>::next), slot) << "there are further virtual functions";
}

TEST(PluginApi, HasFactoriesOfThisLayout) {
  EXPECT_EQ(sizeof(PluginFactory), 2 * sizeof(void*));
  EXPECT_EQ(offsetof(PluginFactories, factories), 0u);
  EXPECT_EQ(offsetof(PluginFactories, n_factories), sizeof(void*));
  EXPECT_EQ(sizeof(PluginFactories), 3 * sizeof(void*));
}

class Plain final : public Tool {
 public:
  Dataset run(const Request& request) override {
    Dataset result;
    result.add("n", {}, at::full({}, request.tokens().size(), at::kLong), "1", "number of tokens");
    return result;
  }
};

TEST(PluginApi, GivesAToolThatOverridesNothingElseItsDefaults) {
  const auto model = random_model(small_gpt2_spec(), 1);
  Context context = testing::context_of(model);
  Plain tool;
  tool.attach(context);
  const std::vector<Request> requests = {Request(tokens_from_ids(*model, {1, 2})),
                                         Request(tokens_from_ids(*model, {1}))};
  const auto results = tool.run_batch(requests);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0]["n"].tensor.item<std::int64_t>(), 2);
  EXPECT_EQ(results[1]["n"].tensor.item<std::int64_t>(), 1);
  EXPECT_FALSE(tool.estimate(requests[0]).flops.has_value());
  EXPECT_TRUE(tool.usual_hooks(model->spec()).empty());
  EXPECT_NO_THROW(tool.check_parameters({}));
  EXPECT_TRUE(tool.reads_prompts());
  EXPECT_FALSE(tool.takes_batches());
  EXPECT_FALSE(context.cancelled());
  EXPECT_NO_THROW(context.progress(1, 2));
}

// A program that calls a tool without a run has nothing to resume, so that the context itself holds
// the states.
TEST(PluginApi, KeepsStatesInTheContextWhereNothingRuns) {
  Context context = testing::context_of(random_model(small_gpt2_spec(), 1));
  EXPECT_FALSE(context.committed("training").has_value());
  for (const std::int64_t step : {1, 2}) {
    Dataset state;
    state.add("step", {}, at::full({}, step, at::kLong), "1", "steps that are done");
    context.commit("training", state);
  }
  const auto state = context.committed("training");
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ((*state)["step"].tensor.item<std::int64_t>(), 2);
  EXPECT_FALSE(context.committed("other").has_value());
  EXPECT_THROW(context.commit("no key", *state), UsageError);
}

class PlainExperiment final : public Experiment {
 public:
  void run(Case&) override {}
};

/// Results of no case.
class EmptySummary final : public Summary {
 public:
  const std::vector<std::int64_t>& cases() const override { return cases_; }
  const CaseInput& input(std::int64_t) const override { throw UsageError("there is not a case"); }
  Dataset dataset(std::int64_t, const std::string&) const override { return {}; }
  void save(const std::string& name, Dataset) override { saved.push_back(name); }
  const Parameters& parameters() const override { return parameters_; }
  std::uint64_t seed() const override { return 0; }
  std::vector<std::string> saved;

 private:
  std::vector<std::int64_t> cases_;
  Parameters parameters_;
};

TEST(PluginApi, GivesAnExperimentThatOverridesNothingElseItsDefaults) {
  PlainExperiment experiment;
  EmptySummary summary;
  EXPECT_EQ(experiment.passes({}), 1);
  EXPECT_FALSE(experiment.partial(summary).has_value());
  // Without it, statistics of some cases would be lost in silence.
  EXPECT_THAT(message_of<RunError>([&] { experiment.combine({}, {}); }),
              HasSubstr("override Experiment::combine"));
  experiment.finish(summary);
  EXPECT_TRUE(summary.saved.empty());
  EXPECT_NO_THROW(experiment.check_parameters({}, *random_model(small_gpt2_spec(), 1)));
}

struct Interfaces : ::testing::Test {
  Interfaces() {
    for (const char* name : {"versioned_tool", "asks_now", "asks_then"})
      host.add(testing::fixture(name));
  }
  PluginHost host{{.allow_insecure = true}};
  Context context = testing::context_of(random_model(small_gpt2_spec(), 1));
};

TEST_F(Interfaces, OfOneVersionAreBound) {
  BoundExperiment bound(host, create_experiment(host, "asks_now"), context);
  testing::MemorySink sink;
  const auto report = bound.run({{"one", "", {1}, {}}}, {}, context, sink);
  EXPECT_EQ(sink.read(0, "answer")["answer"].tensor.item<double>(), 42);
}

TEST_F(Interfaces, OfAnotherVersionAreRefusedBeforeAnythingRuns) {
  EXPECT_THAT(message_of<PluginError>(
                  [&] { BoundExperiment(host, create_experiment(host, "asks_then"), context); }),
              HasSubstr("does not implement the interface this experiment was built for; rebuild"));
}

}  // namespace
}  // namespace lensbench
