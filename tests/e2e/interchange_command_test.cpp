// Interchanges through the command: bad input leaves no archive, a good one is verified and
// replayed, and directions come from the archive of a probe.
#include "archive/archive_reader.hpp"
#include "support/command.hpp"

namespace lensbench {
namespace {

class InterchangeCommand : public ::testing::Test {
 protected:
  Outcome ask(const std::string& archive, const std::string& tool,
              const std::vector<std::string>& settings) {
    std::vector<std::string> words = {"tool", tool, "--model", kModel, "--threads", "1", "--quiet"};
    for (const std::string& setting : settings) {
      words.push_back("--set");
      words.push_back(setting);
    }
    return run_into(archive, words);
  }
  std::string pairs(const std::string& expected = " have") {
    std::string text;
    for (const char* first : {"As", "Because", "That", "All that"})
      text += "{\"base\": \"" + std::string(first) + " thou\", \"source\": \"" + first +
              " I\", \"expected\": \"" + expected + "\"}\n";
    return folder_.write("pairs.jsonl", text).string();
  }

  TempDir folder_;
  const std::string archive_ = folder_ / "a.h5";
};

TEST_F(InterchangeCommand, LeavesNoArchiveAfterBadInput) {
  const Outcome long_answer =
      ask(archive_, "interchange", {"pairs=" + pairs(" have not"), "basis=random"});
  EXPECT_EQ(long_answer.exit_code, 3) << long_answer.err;
  EXPECT_THAT(long_answer.err, HasSubstr("pairs.jsonl:1: field expected"));
  const Outcome one_value = ask(archive_, "interchange", {"pairs=" + pairs()});
  EXPECT_EQ(one_value.exit_code, 2) << one_value.err;
  EXPECT_THAT(one_value.err, HasSubstr("different values in the training pairs (found 1)"));
  EXPECT_FALSE(fs::exists(archive_));
}

TEST_F(InterchangeCommand, ReadsTheDirectionsOfAProbeOfItsPoints) {
  std::string examples;
  for (int i = 0; i < 12; ++i)
    examples += "{\"ids\": [" + std::to_string(300 + i) + ", " + std::to_string(400 + i * 7 % 11) +
                "], \"label\": " + std::to_string(i % 2) + "}\n";
  const std::string probed = folder_ / "probe.h5";
  const Outcome probe =
      ask(probed, "probe",
          {"examples=" + folder_.write("examples.jsonl", examples).string(), "kind=mean_difference",
           "controls=majority", "hooks=blocks.2.hook_resid_post,blocks.4.hook_resid_post"});
  ASSERT_EQ(probe.exit_code, 0) << probe.err;
  const Outcome outcome =
      ask(archive_, "interchange",
          {"pairs=" + pairs(), "basis=probe", "probe=" + probed + ":results/probe", "layers=4",
           "controls=random_basis"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const at::Tensor found =
      ArchiveReader(archive_).read("interchange")["basis_vectors"].tensor.flatten().to(at::kDouble);
  const at::Tensor expected =
      ArchiveReader(probed).read("probe")["direction"].tensor.flatten(0, -2)[1].to(at::kDouble);
  // Unit vectors; the file has float64 and the result float32.
  EXPECT_NEAR(found.dot(expected).item<double>(), 1, 1e-6);
  EXPECT_EQ(lensbench({"verify", archive_}).exit_code, 0);
  const Outcome replayed = lensbench({"replay", archive_, "--threads", "1"});
  EXPECT_EQ(replayed.exit_code, 0) << replayed.err;
  EXPECT_THAT(replayed.out, HasSubstr("identical"));
  const std::string elsewhere = folder_ / "b.h5";
  const Outcome missing =
      ask(elsewhere, "interchange",
          {"pairs=" + pairs(), "basis=probe", "probe=" + probed + ":results/probe", "layers=3",
           "controls=random_basis"});
  EXPECT_EQ(missing.exit_code, 2) << missing.err;
  EXPECT_THAT(missing.err, HasSubstr("does not have a direction of 'blocks.3.hook_resid_post'"));
}

}  // namespace
}  // namespace lensbench
