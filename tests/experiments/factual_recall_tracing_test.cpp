#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "experiments/experiment_run.hpp"
#include "experiments/summary_check.hpp"
#include "support/embedded_model.hpp"
#include "support/planted_facts.hpp"
#include "support/temp_dir.hpp"

// A model whose facts are planted in one block, with values by hand, and the embedded model, whose
// averages are computed again from the traces.

namespace lensbench {
namespace {

using ::testing::AllOf;
using testing::ExperimentRun;
using ::testing::HasSubstr;
using testing::run_experiment;
using testing::SummaryCheck;
using testing::value_at;
using testing::reference::Values;

const std::string kRecall = "factual_recall_tracing";
const std::vector<std::string> kRoleNames = {"first_subject", "middle_subject", "last_subject",
                                             "first_after",   "later_after",    "last"};

CaseInput fact(const std::string& id, const std::string& text, const std::string& subject,
               const std::string& object, const std::string& replacement) {
  CaseInput input{id, text, {}, {{"subject", subject}, {"object", object}}};
  if (!replacement.empty()) input.fields["replacement"] = replacement;
  return input;
}

class PlantedRecall : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const testing::TempDir folder;
    testing::fact_model(kLogit).write(folder.path());
    // The last one is not known: the model answers a1.
    run_ = new ExperimentRun(run_experiment(
        kRecall, folder.path(),
        {fact("one", "S s1 is", "s1", " a1", "s2"), fact("two", "S s2 is", "s2", " a2", "s3"),
         fact("three", "S s3 is", "s3", " a3", "s1"), fact("wrong", "S s1 is", "s1", " a2", "s2")},
        {{"noise", "1"}}));
  }
  static void TearDownTestSuite() { delete run_; }

  static const Dataset& table(const char* name) { return run_->report.summaries.at(name); }
  static double effect(const char* corruption, std::int64_t kind, std::int64_t role,
                       std::int64_t block) {
    return value_at(table(corruption), "indirect_effect", {kind, role, block});
  }

  static constexpr double kLogit = 2;
  // The answer has the logit b in the clean run and 0 in the corrupted one, where another answer
  // has b; the 7 other tokens have 0.
  static double total() { return (std::exp(kLogit) - 1) / (std::exp(kLogit) + 7); }
  static constexpr std::int64_t kState = 0, kAttention = 1, kMlp = 2;
  static constexpr std::int64_t kLastSubject = 2, kLast = 5;
  static inline ExperimentRun* run_ = nullptr;
};

TEST_F(PlantedRecall, TracesWhatTheModelKnows) {
  ASSERT_EQ(run_->report.failures.size(), 0u) << run_->report.failures.front().message;
  EXPECT_EQ(value_at(table("recall"), "known_mean", {}), 0.75);
  EXPECT_EQ(std::get<std::int64_t>(table("recall").attributes.at("traced_facts")), 3);
  EXPECT_EQ(run_->saved("facts").size(), 4u);
  for (const auto& [number, all] : run_->sink.committed)
    EXPECT_EQ(all.contains("noise"), number < 3) << number;
}

TEST_F(PlantedRecall, FindsTheFactInOneMlpAndOneAttention) {
  EXPECT_NEAR(value_at(table("recall"), "total_effect", {1}), total(), 1e-5);
  for (std::int64_t kind = 0; kind < 3; ++kind)
    for (std::int64_t block = 0; block < 4; ++block) {
      const bool at_subject = kind == kMlp ? block == 1 : kind == kState && block < 2;
      const bool at_last = kind == kAttention ? block == 2 : kind == kState && block >= 2;
      EXPECT_NEAR(effect("recall_replace", kind, kLastSubject, block), at_subject ? total() : 0,
                  1e-5)
          << kind << " " << block;
      EXPECT_NEAR(effect("recall_replace", kind, kLast, block), at_last ? total() : 0, 1e-5)
          << kind << " " << block;
    }
  EXPECT_EQ(value_at(table("recall_replace"), "peak_block", {kMlp, kLastSubject}), 1);
  EXPECT_EQ(value_at(table("recall_replace"), "peak_share", {kMlp, kLastSubject}), 1);
  EXPECT_EQ(value_at(table("recall_replace"), "peak_block", {kAttention, kLast}), 2);
}

TEST_F(PlantedRecall, FindsTheSamePlacesWithALittleNoise) {
  // Noise stays where a restored MLP writes its answer: at 3 standard deviations it outweighs it.
  EXPECT_EQ(value_at(table("recall_noise"), "peak_block", {kMlp, kLastSubject}), 1);
  EXPECT_EQ(value_at(table("recall_noise"), "peak_block", {kAttention, kLast}), 2);
  // A restored subject or last token brings everything back.
  const double all = value_at(table("recall"), "total_effect", {0});
  EXPECT_GT(all, 0.01);
  EXPECT_NEAR(effect("recall_noise", kState, kLastSubject, 0), all, 1e-5);
  EXPECT_NEAR(effect("recall_noise", kState, kLast, 3), all, 1e-5);
}

TEST_F(PlantedRecall, LeavesOutRolesThatNoFactHas) {
  // `S s1 is`: the subject has one token, and the token after it is the last one.
  for (const std::int64_t role : {0, 1, 3, 4}) {
    EXPECT_TRUE(std::isnan(effect("recall_replace", kMlp, role, 1))) << role;
    EXPECT_EQ(value_at(table("recall_replace"), "peak_block", {kMlp, role}), -1);
    EXPECT_EQ(value_at(table("recall_replace"), "facts_with_role", {role}), 0);
  }
  EXPECT_EQ(value_at(table("recall_replace"), "facts_with_role", {kLastSubject}), 3);
}

TEST_F(PlantedRecall, SettlesAfterTheAttentionThatMovesTheAnswer) {
  // The stream after three blocks, 0 to 2, has the answer at the last token.
  for (const double quartile : {0, 1, 2})
    EXPECT_EQ(
        value_at(table("recall"), "settled_layer_quantile", {static_cast<std::int64_t>(quartile)}),
        3);
  EXPECT_THAT(table("recall")["finding"].strings.back(), HasSubstr("settles at layer 3"));
}

TEST_F(PlantedRecall, ReadsAFactForItsTraceAndForTheSummary) {
  EXPECT_EQ(run_->most_reads("facts"), 2);
}

class EmbeddedRecall : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    run_ = new ExperimentRun(
        run_experiment(kRecall, testing::kModel,
                       {fact("jacob", " the God of Abraham, of Isaac, and of", "Abraham, of Isaac",
                             " Jacob", "David, of Solomon"),
                        fact("egypt", "And Pharaoh king of", "Pharaoh", " Egypt", "David"),
                        fact("jesse", "And David the son of", "David", " Jes", "Joshua"),
                        fact("land", " brought the children of Israel out of the land of",
                             "children of Israel", " Egypt", "men of Judah")},
                       {{"samples", "3"}}));
  }
  static void TearDownTestSuite() { delete run_; }

  /// Traces of a corruption; the third fact is not known.
  static std::vector<Dataset> traces(const std::string& corruption) {
    std::vector<Dataset> all;
    for (const std::int64_t number : {0, 1, 3})
      all.push_back(run_->sink.committed.at(number).at(corruption));
    return all;
  }
  /// Positions of a role in the three traced facts, by hand.
  static std::vector<std::vector<std::int64_t>> places(std::int64_t role) {
    //  the| God| of| Abraham|,| of| Isaac|,| and| of;  And| Pharaoh| king| of;
    //  brought| the| children| of| Israel| out| of| the| land| of
    const std::vector<std::vector<std::vector<std::int64_t>>> all = {
        {{3}, {}, {2}},  {{4, 5}, {}, {3}},    {{6}, {1}, {4}},
        {{7}, {2}, {5}}, {{8}, {}, {6, 7, 8}}, {{9}, {3}, {9}}};
    return all[static_cast<std::size_t>(role)];
  }
  static double mean_effect(const Dataset& trace, std::int64_t kind, std::int64_t block,
                            const std::vector<std::int64_t>& tokens) {
    Values values;
    for (const std::int64_t token : tokens)
      values.push_back(value_at(trace, "indirect_effect", {kind, block, token}));
    return testing::reference::mean(values);
  }
  static inline ExperimentRun* run_ = nullptr;
};

TEST_F(EmbeddedRecall, KnowsThreeOfFour) {
  ASSERT_EQ(run_->report.failures.size(), 0u) << run_->report.failures.front().message;
  const auto model = Model::open(testing::kModel);
  const auto facts = run_->saved("facts");
  const std::vector<std::string> texts = {" the God of Abraham, of Isaac, and of",
                                          "And Pharaoh king of", "And David the son of"};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const at::Tensor logits =
        model->forward(make_batch(to_tokens(*model, texts[i]))).logits[0][-1].to(at::kDouble);
    const auto object = static_cast<std::int64_t>(value_at(facts[i], "object_id", {}));
    EXPECT_EQ(value_at(facts[i], "first_choice_id", {}), logits.argmax().item<std::int64_t>());
    EXPECT_EQ(value_at(facts[i], "known", {}), i == 2 ? 0 : 1);
    EXPECT_NEAR(value_at(facts[i], "object_probability", {}),
                logits.softmax(0)[object].item<double>(), 1e-5);
    EXPECT_EQ(value_at(facts[i], "object_rank", {6}),
              1 + logits.gt(logits[object]).sum().item<std::int64_t>());
  }
}

TEST_F(EmbeddedRecall, IsAveragedByRole) {
  for (const std::string corruption : {"noise", "replace"}) {
    const auto all = traces(corruption);
    const Dataset& table = run_->report.summaries.at("recall_" + corruption);
    Values expected;
    std::vector<testing::reference::IntervalEnds> ends;
    for (std::int64_t kind = 0; kind < 3; ++kind)
      for (std::int64_t role = 0; role < 6; ++role)
        for (std::int64_t block = 0; block < 6; ++block) {
          Values facts;
          for (std::size_t i = 0; i < 3; ++i)
            facts.push_back(mean_effect(all[i], kind, block, places(role)[i]));
          expected.push_back(testing::reference::mean(facts));
          ends.push_back(testing::reference::percentile_interval(
              3,
              [&](const auto& drawn) {
                Values chosen;
                for (const std::size_t i : drawn) chosen.push_back(facts[i]);
                return testing::reference::mean(chosen);
              },
              10'000));
        }
    SummaryCheck check(table);
    check.equals("indirect_effect", {"kind", "role", "block"}, expected);
    check.bounds("indirect_effect", {"kind", "role", "block"}, ends);
    check.equals("facts_with_role", {"role"}, Values{2, 2, 3, 3, 2, 3});
    check.equals("role", {"role"}, kRoleNames);
    for (std::int64_t row = 0; row < 18; ++row) {
      const auto first = expected.begin() + row * 6;
      EXPECT_EQ(value_at(table, "peak_block", {row / 6, row % 6}),
                std::max_element(first, first + 6) - first);
    }
  }
}

TEST_F(EmbeddedRecall, TestsEveryCellAgainstZeroWithACorrectionForAllOfThem) {
  for (const std::string corruption : {"noise", "replace"}) {
    const auto all = traces(corruption);
    SummaryCheck::Columns cells;
    for (std::int64_t kind = 0; kind < 3; ++kind)
      for (std::int64_t role = 0; role < 6; ++role)
        for (std::int64_t block = 0; block < 6; ++block) {
          Values facts;
          for (std::size_t i = 0; i < 3; ++i)
            facts.push_back(mean_effect(all[i], kind, block, places(role)[i]));
          cells.push_back(facts);
        }
    SummaryCheck(run_->report.summaries.at("recall_" + corruption))
        .tests_against_zero("indirect_effect", {"kind", "role", "block"}, cells);
  }
}

TEST_F(EmbeddedRecall, ComparesBothCorruptionsFromTheSubjectOn) {
  const auto noise = traces("noise"), replaced = traces("replace");
  const std::int64_t first_subject[] = {3, 1, 2};
  const Dataset& table = run_->report.summaries.at("recall");
  for (std::int64_t kind = 0; kind < 3; ++kind) {
    Values agreement;
    for (std::size_t i = 0; i < 3; ++i) {
      Values a, b;
      for (std::int64_t block = 0; block < 6; ++block)
        for (std::int64_t token = first_subject[i]; token < noise[i].dim("token"); ++token) {
          a.push_back(value_at(noise[i], "indirect_effect", {kind, block, token}));
          b.push_back(value_at(replaced[i], "indirect_effect", {kind, block, token}));
        }
      agreement.push_back(testing::reference::spearman(a, b));
    }
    EXPECT_NEAR(value_at(table, "agreement", {kind}), testing::reference::mean(agreement), 1e-9);
  }
  EXPECT_TRUE(std::isnan(value_at(table, "control_total_effect", {1})));
}

TEST(FactualRecallTracing, LosesTheFactInNoiseThatStays) {
  // The noise stays where the restored MLP writes its answer, and outweighs it.
  const testing::TempDir folder;
  testing::fact_model(2).write(folder.path());
  const auto run = run_experiment(
      kRecall, folder.path(),
      {fact("one", "S s1 is", "s1", " a1", "s2"), fact("two", "S s2 is", "s2", " a2", "s3"),
       fact("three", "S s3 is", "s3", " a3", "s1")},
      {{"noise", "3"}});
  const std::int64_t mlp = 2, last_subject = 2;
  EXPECT_LT(
      value_at(run.report.summaries.at("recall_noise"), "indirect_effect", {mlp, last_subject, 1}),
      0);
  EXPECT_GT(value_at(run.report.summaries.at("recall_replace"), "indirect_effect",
                     {mlp, last_subject, 1}),
            0);
}

TEST(FactualRecallTracing, SaysThatNothingIsKnown) {
  const auto run = run_experiment(kRecall, testing::kModel,
                                  {fact("jesse", "And David the son of", "David", " Jes", "")},
                                  {{"corruptions", "noise"}});
  EXPECT_EQ(run.report.exit_code(), 0);
  const Dataset& table = run.report.summaries.at("recall");
  EXPECT_EQ(value_at(table, "known_mean", {}), 0);
  EXPECT_THAT(table["finding"].strings.front(), HasSubstr("nothing was traced"));
  EXPECT_EQ(run.report.summaries.size(), 1u);
}

std::string fact_failure(const std::string& text,
                         const std::map<std::string, std::string>& fields) {
  const auto run = run_experiment(kRecall, testing::kModel, {{"line-3", text, {}, fields}});
  EXPECT_EQ(run.report.exit_code(), 3);
  return run.report.failures.empty() ? "" : run.report.failures.front().message;
}

TEST(FactualRecallTracing, NamesTheFieldThatIsWrong) {
  const std::string text = "And Pharaoh king of";
  EXPECT_THAT(fact_failure(text, {{"object", " Egypt"}}),
              AllOf(HasSubstr("case 'line-3': the field 'subject' is missing"),
                    HasSubstr("\"subject\": ")));
  EXPECT_THAT(fact_failure(text, {{"subject", "Moses"}, {"object", " Egypt"}}),
              HasSubstr("which is not in the prompt"));
  EXPECT_THAT(fact_failure("of Saul king of", {{"subject", "of"}, {"object", " Israel"}}),
              HasSubstr("more than once"));
  EXPECT_THAT(fact_failure(text, {{"subject", "king of"}, {"object", " Egypt"}}),
              HasSubstr("the subject ends the prompt"));
  EXPECT_THAT(fact_failure(text, {{"subject", "Pharaoh"}}), HasSubstr("'object' is missing"));
  EXPECT_THAT(fact_failure(text, {{"subject", "Pharaoh"}, {"object", " Egypt and"}}),
              AllOf(HasSubstr("2 tokens, expected 1"), HasSubstr("' Egypt'")));
  EXPECT_THAT(fact_failure(text, {{"subject", "Pharaoh"}, {"object", "f"}}),
              HasSubstr("begin the object with a blank"));
  EXPECT_THAT(fact_failure(text, {{"subject", "Pharaoh"}, {"object", " Egypt"}}),
              AllOf(HasSubstr("'replacement' is missing"), HasSubstr("corruptions=noise")));
  const auto replaced = [&](const std::string& by) {
    return fact_failure(text, {{"subject", "Pharaoh"}, {"object", " Egypt"}, {"replacement", by}});
  };
  EXPECT_THAT(replaced("the king"), HasSubstr("has 5 tokens, expected 4"));
  EXPECT_THAT(replaced("Pharaoh"), HasSubstr("is the subject itself"));
}

}  // namespace
}  // namespace lensbench
