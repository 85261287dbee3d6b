// A grading in an archive, which the other commands read as they read those of runs.
#include <optional>

#include "support/command.hpp"

namespace lensbench {
namespace {

/// One model, one tool.
std::vector<std::string> grading(const std::vector<std::string>& more) {
  std::vector<std::string> words = {"grade", "layer_attribution", "--kinds", "hist", "--quick"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

class ArchivedGrades : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_.emplace();
    first_ = lensbench(grading({"--seeds", "1", "--out", *folder_ / "a.h5"}));
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static inline std::optional<TempDir> folder_;
  static inline Outcome first_;
};

TEST_F(ArchivedGrades, AreShownAsTheyWerePrinted) {
  ASSERT_EQ(first_.exit_code, 0) << first_.err;
  EXPECT_THAT(first_.out, HasSubstr("AUROC"));
  const auto shown = lensbench({"show", *folder_ / "a.h5"});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_EQ(shown.out, first_.out);
}

TEST_F(ArchivedGrades, AreVerifiedAndRepeatedInEveryBit) {
  EXPECT_EQ(lensbench({"verify", *folder_ / "a.h5"}).exit_code, 0);
  const auto replayed = lensbench({"replay", *folder_ / "a.h5"});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.err;
  EXPECT_THAT(replayed.out, HasSubstr("identical in every bit"));
}

TEST_F(ArchivedGrades, OfOtherModelsDiffer) {
  const auto second = lensbench(grading({"--seeds", "2", "--out", *folder_ / "b.h5"}));
  ASSERT_EQ(second.exit_code, 0) << second.err;
  const auto difference = lensbench({"diff", *folder_ / "a.h5", *folder_ / "b.h5"});
  EXPECT_EQ(difference.exit_code, 1) << difference.err;
  EXPECT_THAT(difference.out, AllOf(HasSubstr("seed"), HasSubstr("scores")));
}

TEST_F(ArchivedGrades, AreDrawnBestFirst) {
  const auto drawn = lensbench({"plot", *folder_ / "a.h5", "scores/value", "--at", "metric=error",
                                "--out", *folder_ / "a.svg"});
  ASSERT_EQ(drawn.exit_code, 0) << drawn.err;
  const std::string svg = testing::slurp(*folder_ / "a.svg");
  EXPECT_THAT(svg, AllOf(HasSubstr("effect.dla"), HasSubstr("metric error")));
  const auto unknown = lensbench({"plot", *folder_ / "a.h5", "scores/value", "--at",
                                  "metric=errors", "--out", *folder_ / "b.svg"});
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_THAT(unknown.err, HasSubstr("error"));
}

TEST_F(ArchivedGrades, AreNotOverwrittenAndGoOnOnlyAsTheyBegan) {
  const auto again = lensbench(grading({"--seeds", "1", "--out", *folder_ / "a.h5"}));
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("exists already"));
  const auto complete =
      lensbench(grading({"--seeds", "1", "--out", *folder_ / "a.h5", "--resume"}));
  EXPECT_EQ(complete.exit_code, 0) << complete.err;
  EXPECT_EQ(complete.out, first_.out);
  const auto other = lensbench({"grade", "logit_lens", "--kinds", "hist", "--quick", "--seeds", "1",
                                "--out", *folder_ / "a.h5", "--resume"});
  EXPECT_EQ(other.exit_code, 2) << other.err;
  EXPECT_EQ(lensbench(grading({"--resume"})).exit_code, 2);
  EXPECT_THAT(lensbench({"grade", "logit_lens", "--kinds", "hyst"}).err, HasSubstr("hist"));
}

TEST_F(ArchivedGrades, ThatAreDamagedAreRefused) {
  std::string bytes = testing::slurp(*folder_ / "a.h5");
  for (std::size_t i = bytes.size() / 3; i < bytes.size() / 2; ++i) bytes[i] ^= 1;
  folder_->write("damaged.h5", bytes);
  for (const auto& command :
       {std::vector<std::string>{"show", *folder_ / "damaged.h5"},
        {"replay", *folder_ / "damaged.h5"},
        grading({"--seeds", "1", "--out", *folder_ / "damaged.h5", "--resume"})}) {
    const auto refused = lensbench(command);
    EXPECT_EQ(refused.exit_code, 3) << command.front() << ": " << refused.err;
  }
}

// The tasks of this kind have no labels from which a probe could learn. The table and the archive
// are made, but they hold no score.
TEST_F(ArchivedGrades, OfAToolThatRefusesEveryModelEndWithACodeOfTheirOwn) {
  std::vector<std::string> probe = {"grade",   "probe",   "--kinds",
                                    "hist",    "--seeds", "1",
                                    "--quick", "--out",   *folder_ / "probe.h5"};
  const auto refused = lensbench(probe);
  EXPECT_EQ(refused.exit_code, 5) << refused.err;
  EXPECT_THAT(refused.out, AllOf(HasSubstr("refused 1 model: no training prompts"),
                                 HasSubstr("presence"), Not(HasSubstr("must be set"))));
  EXPECT_THAT(refused.err, HasSubstr("every tool that makes a claim refused every model"));
  EXPECT_EQ(lensbench({"verify", *folder_ / "probe.h5"}).exit_code, 0);
  EXPECT_EQ(lensbench({"show", *folder_ / "probe.h5"}).out, refused.out);
  probe.emplace_back("--resume");
  const auto complete = lensbench(probe);
  EXPECT_EQ(complete.exit_code, 5) << complete.err;
  EXPECT_EQ(complete.out, refused.out);
}

TEST_F(ArchivedGrades, OfToolsThatMakeNoClaimAreDone) {
  const auto silent =
      lensbench({"grade", "sparsity", "--kinds", "hist", "--seeds", "1", "--quick"});
  EXPECT_EQ(silent.exit_code, 0) << silent.err;
  EXPECT_THAT(silent.out, HasSubstr("make no claim: sparsity"));
}

}  // namespace
}  // namespace lensbench
