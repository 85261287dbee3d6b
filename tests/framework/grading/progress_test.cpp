// What is said of tools that have no score, or not on all models.
#include "grading/run/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "grading/output/grade_text.hpp"
#include "grading/output/no_score.hpp"

namespace lensbench::grading {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Why = Unscored::Why;

class WithoutScore : public ::testing::Test {
 protected:
  WithoutScore() { tool_.name = "finds"; }

  void refused(std::size_t model, const std::string& reason) {
    ToolRecord record;
    record.refusal = reason;
    note_record(progress_, record, model);
  }
  void answered(std::size_t model) {
    ToolRecord record;
    record.answered = 2;
    note_record(progress_, record, model);
  }
  void scored() { progress_.entries[{"effect.dla", false}]; }
  std::vector<Unscored> rows() const { return unscored_rows(progress_, {&tool_, "", {}}); }
  Grades grades() const {
    Grades grades;
    grades.unscored = rows();
    return grades;
  }

  PluginInfo tool_;
  Progress progress_;
};

TEST_F(WithoutScore, AModelIsRefusedIfNoneOfItsTasksWasAnswered) {
  refused(0, "too large");
  refused(0, "too large");
  refused(1, "too large");
  answered(1);
  answered(2);
  scored();
  const auto rows = this->rows();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].why, Why::refused);
  EXPECT_EQ(rows[0].models, 1u);
  EXPECT_EQ(rows[0].tasks, 1u);
  EXPECT_THAT(grade_text(grades(), {}, {}),
              Contains(HasSubstr("finds: refused 1 model and 1 task of others: too large")));
}

TEST_F(WithoutScore, ATaskAloneIsNotAModel) {
  answered(0);
  refused(0, "no labels");
  scored();
  EXPECT_THAT(grade_text(grades(), {}, {}),
              AllOf(Contains(HasSubstr("finds: refused 1 task of others: no labels")),
                    Not(Contains(HasSubstr("model:")))));
}

TEST_F(WithoutScore, EachReasonIsCountedAndTheFourthOnAreOne) {
  for (std::size_t model = 0; model < 3; ++model) refused(model, "often");
  for (const char* reason : {"a", "b", "c", "d"}) refused(3, reason);
  const auto rows = this->rows();
  ASSERT_THAT(rows, SizeIs(4));
  EXPECT_EQ(rows[0].reason, "often");
  EXPECT_EQ(rows[0].models, 3u);
  EXPECT_EQ(rows[1].reason, "a");
  EXPECT_EQ(rows[3].reason, "2 other reasons");
  EXPECT_EQ(rows[3].models, 1u);
}

TEST_F(WithoutScore, AnAnswerThatNoTruthIsAboutIsListed) {
  answered(0);
  ASSERT_THAT(rows(), SizeIs(1));
  EXPECT_EQ(rows()[0].why, Why::no_truth);
  EXPECT_THAT(grade_text(grades(), {}, {}), Contains(HasSubstr("finds: answered, but")));
  GradeRequest asked;
  asked.claims = "readout.*";  // the claim may be one that was not asked for
  EXPECT_THAT(grade_text(grades(), asked, {}), Not(Contains(HasSubstr("finds"))));
}

TEST_F(WithoutScore, AScoredToolIsNotListed) {
  answered(0);
  scored();
  EXPECT_THAT(rows(), IsEmpty());
}

TEST_F(WithoutScore, ARefusalOfEveryModelIsTheOutcomeOfTheWholeGrading) {
  refused(0, "too large");
  EXPECT_THAT(refusal_of_all(grades()), AllOf(HasSubstr("finds: too large"), HasSubstr("--kinds")));
}

TEST_F(WithoutScore, NothingIsWrongWhereAToolMakesNoClaimOrAnswers) {
  EXPECT_EQ(refusal_of_all({}), "");
  Grades none;
  none.unscored.push_back({"sparsity", "", Why::no_claim, ""});
  EXPECT_EQ(refusal_of_all(none), "");
  refused(0, "too large");
  Grades one = grades();
  one.unscored.push_back({"attention", "", Why::no_truth, ""});
  EXPECT_EQ(refusal_of_all(one), "");
  one = grades();
  one.entries.emplace_back();
  EXPECT_EQ(refusal_of_all(one), "");
}

}  // namespace
}  // namespace lensbench::grading
