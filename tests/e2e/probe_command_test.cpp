// Probes through the command: bad input leaves no archive, a good one is verified and replayed.
#include "archive/archive_reader.hpp"
#include "support/command.hpp"

namespace lensbench {
namespace {

class ProbeCommand : public ::testing::Test {
 protected:
  static std::string examples(int count, int labels) {
    std::string text;
    for (int i = 0; i < count; ++i)
      text += "{\"ids\": [" + std::to_string(300 + i) + ", " + std::to_string(400 + i * 7 % 11) +
              "], \"label\": " + std::to_string(i % labels) + "}\n";
    return text;
  }
  Outcome probe(const std::string& text, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {
        "tool",    "probe",     "--model",
        kModel,    "--threads", "1",
        "--quiet", "--set",     "examples=" + folder_.write("examples.jsonl", text).string()};
    words.insert(words.end(), more.begin(), more.end());
    return run_into(archive_, words);
  }
  void expect_refusal(const Outcome& outcome, int code, const std::string& message) {
    EXPECT_EQ(outcome.exit_code, code) << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(message));
    EXPECT_FALSE(fs::exists(archive_));
  }

  TempDir folder_;
  const std::string archive_ = folder_ / "a.h5";
};

TEST_F(ProbeCommand, LeavesNoArchiveAfterBadInput) {
  expect_refusal(probe("{\"text\": \"In the beginning\"}\n"), 3, "field label is missing");
  expect_refusal(probe(examples(8, 1)), 2, "found 1 different labels");
  expect_refusal(probe(examples(3, 2)), 2, "give at most as many folds");
  expect_refusal(probe(examples(12, 2), {"--set", "hooks=blocks.9.hook_resid_post"}), 2,
                 "blocks.9.hook_resid_post");
}

TEST_F(ProbeCommand, WritesAnArchiveThatIsVerifiedAndReplayed) {
  const Outcome outcome = probe(examples(12, 2), {"--set", "folds=3"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(ArchiveReader(archive_).read("probe").dim("point"), 6);
  EXPECT_EQ(lensbench({"verify", archive_}).exit_code, 0);
  const Outcome replayed = lensbench({"replay", archive_, "--threads", "1"});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.err;
  EXPECT_THAT(replayed.out, HasSubstr("identical"));
}

}  // namespace
}  // namespace lensbench
