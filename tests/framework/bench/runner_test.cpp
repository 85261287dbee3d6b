#include "bench/runner.hpp"

#include <ATen/ops/full.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "support/contexts.hpp"
#include "support/memory_sink.hpp"
#include "support/random_model.hpp"

namespace lensbench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::MemorySink;

Dataset one_number(double value) {
  Dataset dataset;
  Variable variable;
  variable.name = "value";
  variable.tensor = at::full({}, value, at::kDouble);
  variable.long_name = "a value";
  dataset.add(variable);
  return dataset;
}

// Fails where the first id is 7; saves the number of tokens elsewhere.
class CountTokens final : public Experiment {
 public:
  void run(Case& c) override {
    if (c.tokens().ids.front() == 7) throw std::runtime_error("seven is right out");
    c.save("count", one_number(static_cast<double>(c.tokens().size())));
  }
  void finish(Summary& summary) override {
    double total = 0;
    for (const auto index : summary.cases())
      total += summary.dataset(index, "count")["value"].tensor.item<double>();
    summary.save("total", one_number(total));
  }
};

template <class Class>
ExperimentHandle make() {
  return {new Class, {[](void* object) { delete static_cast<Experiment*>(object); }}};
}

struct Bench {
  std::shared_ptr<const Model> model = random_model(small_gpt2_spec(), 1);
  Context context = testing::context_of(model);
  PluginHost host;
  MemorySink sink;
};

std::vector<CaseInput> cases_of(const std::vector<std::vector<std::int64_t>>& ids) {
  std::vector<CaseInput> cases;
  for (const auto& one : ids) cases.push_back({std::to_string(cases.size()), "", one, {}});
  return cases;
}

TEST(Runner, CommitsEachCaseAndThenFinishes) {
  Bench bench;
  BoundExperiment bound(bench.host, make<CountTokens>(), bench.context);
  const auto report = bound.run(cases_of({{1, 2}, {3}}), {}, bench.context, bench.sink);
  EXPECT_THAT(report.completed, ElementsAre(0, 1));
  EXPECT_EQ(bench.sink.committed.size(), 2u);
  EXPECT_EQ(report.summaries.at("total")["value"].tensor.item<double>(), 3);
  EXPECT_EQ(report.exit_code(), 0);
}

TEST(Runner, RecordsAFailureAndGoesOn) {
  Bench bench;
  BoundExperiment bound(bench.host, make<CountTokens>(), bench.context);
  const auto report = bound.run(cases_of({{1, 2}, {7}, {3}}), {}, bench.context, bench.sink);
  EXPECT_THAT(report.completed, ElementsAre(0, 2));
  EXPECT_EQ(bench.sink.failures.at(1), "seven is right out");
  EXPECT_EQ(report.exit_code(), 5);
}

TEST(Runner, ExitsWithTheErrorsOwnCodeWhenNothingCompleted) {
  Bench bench;
  BoundExperiment bound(bench.host, make<CountTokens>(), bench.context);
  const auto report = bound.run(cases_of({{99999}}), {}, bench.context, bench.sink);
  EXPECT_TRUE(report.completed.empty());
  EXPECT_EQ(report.exit_code(), 2);
  EXPECT_TRUE(report.summaries.empty());
}

TEST(Runner, MakesThePromptsOfAllCasesTheReferencePrompts) {
  Bench bench;
  EXPECT_TRUE(bench.context.reference_prompts().empty());
  BoundExperiment bound(bench.host, make<CountTokens>(), bench.context);
  // A case that was done before counts; one outside the vocabulary or the positions does not.
  const auto too_long = static_cast<std::size_t>(bench.model->spec().max_positions + 1);
  bench.sink.done_before = {0};
  bench.sink.committed[0]["count"] = one_number(2);
  bound.run(cases_of({{1, 2}, {99999}, std::vector<std::int64_t>(too_long, 1), {7}}), {},
            bench.context, bench.sink);
  const auto& prompts = bench.context.reference_prompts();
  ASSERT_EQ(prompts.size(), 2u);
  EXPECT_THAT(prompts[0].ids, ElementsAre(1, 2));
  EXPECT_THAT(prompts[1].ids, ElementsAre(7));
}

TEST(Runner, TokenizesReferencePromptsOnceAndOnlyWhenAsked) {
  Bench bench;
  int calls = 0;
  ContextAccess::set_reference_prompts(bench.context, [&] {
    ++calls;
    return std::vector<Tokens>{tokens_from_ids(*bench.model, {1})};
  });
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(&bench.context.reference_prompts(), &bench.context.reference_prompts());
  EXPECT_EQ(calls, 1);
}

TEST(Runner, SkipsCasesThatAreAlreadyDone) {
  Bench bench;
  bench.sink.done_before = {0};
  bench.sink.committed[0]["count"] = one_number(40);
  BoundExperiment bound(bench.host, make<CountTokens>(), bench.context);
  const auto report = bound.run(cases_of({{7}, {3}}), {}, bench.context, bench.sink);
  EXPECT_THAT(report.completed, ElementsAre(0, 1));
  EXPECT_EQ(report.summaries.at("total")["value"].tensor.item<double>(), 41);
}

TEST(Runner, StopsBetweenCasesWhenAsked) {
  Bench bench;
  BoundExperiment bound(bench.host, make<CountTokens>(), bench.context);
  int asked = 0;
  RunControl control;
  control.should_stop = [&] { return ++asked > 1; };
  const auto report = bound.run(cases_of({{1}, {2}, {3}}), {}, bench.context, bench.sink, control);
  EXPECT_TRUE(report.interrupted);
  EXPECT_THAT(report.completed, ElementsAre(0));
  EXPECT_TRUE(report.summaries.empty());
}

/// Numbers of the cases as they are reported.
RunControl reporting_to(std::vector<std::int64_t>& reported) {
  RunControl control;
  control.on_case = [&](std::int64_t index, bool) { reported.push_back(index); };
  return control;
}

TEST(Runner, ReportsCasesWhenTheyAreSafe) {
  Bench bench;
  bench.sink.safe_after = 3;
  BoundExperiment bound(bench.host, make<CountTokens>(), bench.context);
  std::vector<std::int64_t> reported;
  std::vector<std::size_t> reported_before_case;
  RunControl control = reporting_to(reported);
  control.should_stop = [&] {
    reported_before_case.push_back(reported.size());
    return false;
  };
  bound.run(cases_of({{1}, {2}, {3}, {4}}), {}, bench.context, bench.sink, control);
  EXPECT_THAT(reported_before_case, ElementsAre(0u, 0u, 0u, 3u));
  EXPECT_THAT(reported, ElementsAre(0, 1, 2, 3));
}

TEST(Runner, MakesCasesSafeAndReportsThemWhenItStops) {
  Bench bench;
  bench.sink.safe_after = 9;
  BoundExperiment bound(bench.host, make<CountTokens>(), bench.context);
  std::vector<std::int64_t> reported;
  RunControl control = reporting_to(reported);
  int asked = 0;
  control.should_stop = [&] { return ++asked > 2; };
  bound.run(cases_of({{1}, {2}, {3}}), {}, bench.context, bench.sink, control);
  EXPECT_THAT(reported, ElementsAre(0, 1));
}

TEST(Runner, DoesNotReportCasesThatCannotBeMadeSafe) {
  Bench bench;
  bench.sink.safe_after = 2;
  bench.sink.make_safe_fails = true;
  BoundExperiment bound(bench.host, make<CountTokens>(), bench.context);
  std::vector<std::int64_t> reported;
  EXPECT_THROW(
      bound.run(cases_of({{1}, {2}, {3}}), {}, bench.context, bench.sink, reporting_to(reported)),
      RunError);
  EXPECT_THAT(reported, ElementsAre(0, 1));
}

/// First pass: the number of tokens; second pass: its difference to the mean of the first.
class Deviation final : public Experiment {
 public:
  std::int64_t passes(const Parameters&) const override { return 2; }
  void run(Case& c) override {
    const auto own = static_cast<double>(c.tokens().size());
    if (c.pass() == 0) {
      if (c.tokens().ids.front() == 7) throw std::runtime_error("seven is right out");
      c.save("length", one_number(own));
      return;
    }
    double sum = 0;
    for (const auto number : c.earlier().cases())
      sum += c.earlier().dataset(number, "length")["value"].tensor.item<double>();
    c.save("deviation", one_number(own - sum / static_cast<double>(c.earlier().cases().size())));
  }
};

TEST(Passes, SeeTheResultsOfThePassBefore) {
  Bench bench;
  BoundExperiment bound(bench.host, make<Deviation>(), bench.context);
  const auto report = bound.run(cases_of({{1, 2}, {3}, {4, 5, 6}}), {}, bench.context, bench.sink);
  EXPECT_THAT(report.completed, ElementsAre(0, 1, 2));
  for (const auto& [index, expected] : std::map<std::int64_t, double>{{0, 0}, {1, -1}, {2, 1}})
    EXPECT_EQ(bench.sink.read(index, "deviation")["value"].tensor.item<double>(), expected);
}

TEST(Passes, LeaveOutACaseThatFailedBefore) {
  Bench bench;
  BoundExperiment bound(bench.host, make<Deviation>(), bench.context);
  const auto report = bound.run(cases_of({{1, 2}, {7}, {3, 4}}), {}, bench.context, bench.sink);
  EXPECT_THAT(report.completed, ElementsAre(0, 2));
  EXPECT_EQ(report.failures.size(), 1u);
  EXPECT_FALSE(bench.sink.committed[1].contains("deviation"));
}

class WritesIntoThePast final : public Experiment {
 public:
  std::int64_t passes(const Parameters&) const override { return 2; }
  void run(Case& c) override {
    c.save("own" + std::to_string(c.pass()), one_number(1));
    if (c.pass() == 1) const_cast<Summary&>(c.earlier()).save("late", one_number(2));
  }
};

TEST(Passes, CannotChangeTheResultsOfThePassBefore) {
  Bench bench;
  BoundExperiment bound(bench.host, make<WritesIntoThePast>(), bench.context);
  bound.run(cases_of({{1}}), {}, bench.context, bench.sink);
  EXPECT_THAT(bench.sink.failures.at(0), HasSubstr("earlier passes are only for reading"));
}

class LooksBackAtOnce final : public Experiment {
 public:
  void run(Case& c) override { c.earlier(); }
};

TEST(Passes, SayThatTheFirstHasNothingBeforeIt) {
  Bench bench;
  BoundExperiment bound(bench.host, make<LooksBackAtOnce>(), bench.context);
  bound.run(cases_of({{1}}), {}, bench.context, bench.sink);
  EXPECT_THAT(bench.sink.failures.at(0), HasSubstr("the first pass has no earlier results"));
}

class CountsByLabel final : public Experiment {
 public:
  void run(Case& c) override { c.save("count", one_number(1)); }
  void finish(Summary& summary) override {
    for (const auto& [label, cases] : summary.groups("label"))
      summary.save(label, one_number(static_cast<double>(cases.size())));
  }
};

TEST(Summary, GroupsTheCompletedCasesByAField) {
  Bench bench;
  BoundExperiment bound(bench.host, make<CountsByLabel>(), bench.context);
  auto cases = cases_of({{1}, {2}, {3}, {4}});
  cases[0].fields["label"] = cases[2].fields["label"] = "city";
  cases[3].fields["label"] = "river";
  const auto report = bound.run(cases, {}, bench.context, bench.sink);
  ASSERT_EQ(report.summaries.size(), 2u);
  EXPECT_EQ(report.summaries.at("city")["value"].tensor.item<double>(), 2);
  EXPECT_EQ(report.summaries.at("river")["value"].tensor.item<double>(), 1);
}

class WantsAMissingTool final : public Experiment {
 public:
  void run(Case&) override {}

 private:
  Uses<Tool> one{this, "no_such_tool"}, two{this, "nor_this"};
};

TEST(BoundExperiment, NamesEveryDeclaredToolThatIsMissingBeforeAnythingRuns) {
  Bench bench;
  try {
    BoundExperiment bound(bench.host, make<WantsAMissingTool>(), bench.context);
    FAIL();
  } catch (const PluginError& error) {
    EXPECT_EQ(error.fault(), PluginFault::not_found);
    EXPECT_THAT(error.what(), HasSubstr("no_such_tool"));
    EXPECT_THAT(error.what(), HasSubstr("nor_this"));
  }
}

class SavesTwice final : public Experiment {
 public:
  void run(Case& c) override {
    c.save("x", one_number(1));
    c.save("x", one_number(2));
  }
};

TEST(Case, RefusesToSaveOneNameTwice) {
  Bench bench;
  BoundExperiment bound(bench.host, make<SavesTwice>(), bench.context);
  const auto report = bound.run(cases_of({{1}}), {}, bench.context, bench.sink);
  EXPECT_THAT(bench.sink.failures.at(0), HasSubstr("saved 'x' twice"));
  EXPECT_EQ(report.exit_code(), 2);
}

TEST(Context, RunsOneForwardForActivationsThatAreHeldAlready) {
  Bench bench;
  const auto tokens = tokens_from_ids(*bench.model, {1, 2, 3});
  const auto all = bench.context.activations(tokens, {"blocks.*.hook_resid_post"});
  EXPECT_EQ(static_cast<std::int64_t>(all.size()), bench.model->spec().n_layers);
  const auto one = bench.context.activations(tokens, {"blocks.0.hook_resid_post"});
  EXPECT_EQ(ContextAccess::forwards(bench.context), 1);
  EXPECT_TRUE(one.begin()->second.equal(all.at("blocks.0.hook_resid_post")));
}

TEST(Context, RefusesAHookNameThatMatchesNothing) {
  Bench bench;
  const auto tokens = tokens_from_ids(*bench.model, {1});
  EXPECT_THROW(bench.context.activations(tokens, {"blocks.*.hook_resid_pots"}), UsageError);
}

// The costs that a run hands over with each case.
TEST(Runner, MeasuresEveryCase) {
  Bench bench;
  BoundExperiment bound(bench.host, make<CountTokens>(), bench.context);
  bound.run(cases_of({{1, 2}, {3}}), {}, bench.context, bench.sink);
  ASSERT_EQ(bench.sink.costs.size(), 2U);
  EXPECT_GT(bench.sink.costs[0].whole.seconds, 0);
  EXPECT_EQ(bench.sink.costs[0].whole.calls, 1);
  EXPECT_TRUE(bench.sink.costs[0].profile.empty());
}

}  // namespace
}  // namespace lensbench
