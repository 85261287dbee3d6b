#include <fstream>
#include <memory>

#include "archive/archive_reader.hpp"
#include "checkpoint/weights/safetensors.hpp"
#include "support/command.hpp"
#include "support/fixture_plugins.hpp"

// What is done with an archive once it is there: replay, diff, versions, export.

namespace lensbench {
namespace {

class ArchiveCommands : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TempDir>();
    std::ofstream(archive("prompts.jsonl"))
        << R"({"text": "In the beginning", "id": "genesis", "target": " God"})"
        << "\n"
        << R"({"ids": [1, 5, 9, 200], "id": "numbers"})"
        << "\n";
    make("a.h5", {"--set", "top_k=3"});
    make("b.h5", {"--set", "top_k=3", "--threads", "2"});
    make("c.h5", {"--set", "top_k=2"});
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static std::string archive(const std::string& name) { return *folder_ / name; }

  static void make(const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> command = {"tool",    "logit_lens", "--model",
                                        kModel,    "--prompts",  archive("prompts.jsonl"),
                                        "--quiet", "--out",      archive(name)};
    if (more.size() < 4) command.insert(command.end(), {"--threads", "1"});
    command.insert(command.end(), more.begin(), more.end());
    const auto outcome = lensbench(command);
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }

  static std::unique_ptr<TempDir> folder_;
};

std::unique_ptr<TempDir> ArchiveCommands::folder_;

TEST_F(ArchiveCommands, ReplayGivesTheSameBitsWithTheSameThreads) {
  const auto outcome = lensbench({"replay", archive("a.h5")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("recipe       equal"), HasSubstr("environment  equal"),
                                 HasSubstr("REPLAYED: identical in every bit")));
}

TEST_F(ArchiveCommands, ReplayWithOtherThreadsStaysWithinTheStatedTolerance) {
  const auto outcome =
      lensbench({"replay", archive("a.h5"), "--threads", "2", "--json", "--quiet"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  const json report = json::parse(outcome.out);
  EXPECT_THAT(report["verdict"].get<std::string>(), StartsWith("REPLAYED"));
  EXPECT_TRUE(report["recipe"].empty());
  EXPECT_FALSE(report["environment"].empty());
}

TEST_F(ArchiveCommands, ReplayNamesTheFilesOfAnotherModelAndRefuses) {
  const std::string other = kModel + "/checkpoints/step-400";
  const auto refused = lensbench({"replay", archive("a.h5"), "--model", other});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("files/weights model.safetensors/sha256"),
                                 HasSubstr("--allow-different")));
  const auto allowed =
      lensbench({"replay", archive("a.h5"), "--model", other, "--allow-different", "--quiet"});
  EXPECT_EQ(allowed.exit_code, 1);
  EXPECT_THAT(allowed.out, HasSubstr("not a replay"));
}

TEST_F(ArchiveCommands, ReplayKeepsItsArchiveWhereItIsTold) {
  const TempDir folder;
  const auto outcome =
      lensbench({"replay", archive("a.h5"), "--out", folder / "again.h5", "--quiet"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(lensbench({"diff", archive("a.h5"), folder / "again.h5"}).exit_code, 0);
  EXPECT_EQ(lensbench({"verify", folder / "again.h5"}).exit_code, 0);
}

TEST_F(ArchiveCommands, ReplayFindsTheSecondModelOfAComparison) {
  const TempDir folder;
  const auto run = lensbench({"run", "model_comparison", "--model", kModel, "--prompt", "In the",
                              "--set", "other=" + kModel + "/checkpoints/step-400", "--quiet",
                              "--threads", "1", "--out", folder / "m.h5"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto again = lensbench({"replay", folder / "m.h5", "--quiet"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  const auto with_another =
      lensbench({"replay", folder / "m.h5", "--set", "other=" + kModel, "--quiet"});
  EXPECT_EQ(with_another.exit_code, 3);
  EXPECT_THAT(with_another.err, HasSubstr("files/other weights model.safetensors/sha256"));
}

TEST_F(ArchiveCommands, ReplayRepeatsTheSecondPromptsOfCases) {
  const TempDir folder;
  testing::place(folder, "second_prompt");
  std::ofstream(folder / "pairs.jsonl")
      << R"({"text": "In the beginning", "corrupted": "And God said", "id": "text"})"
      << "\n"
      << R"({"ids": [1, 5, 9], "corrupted_ids": "3 4", "id": "numbers"})"
      << "\n";
  const std::string plugins = folder.path(), made = folder / "pairs.h5";
  const auto run =
      lensbench({"tool", "both_prompts", "--plugin-dir", plugins, "--model", kModel, "--prompts",
                 folder / "pairs.jsonl", "--quiet", "--threads", "1", "--out", made});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const Dataset recipe = ArchiveReader(made).recipe();
  EXPECT_EQ(recipe["corrupted_text"].strings, (std::vector<std::string>{"And God said", ""}));
  const auto again =
      lensbench({"replay", made, "--plugin-dir", plugins, "--quiet", "--out", folder / "again.h5"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("REPLAYED: identical in every bit"));
  EXPECT_EQ(ArchiveReader(folder / "again.h5").recipe()["corrupted_ids_sha256"].strings,
            recipe["corrupted_ids_sha256"].strings);
}

TEST_F(ArchiveCommands, ReplaySaysWhereTheModelIsMissing) {
  const auto outcome = lensbench({"replay", archive("a.h5"), "--model", archive("nowhere")});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("nowhere"));
}

TEST_F(ArchiveCommands, DiffOfAnArchiveWithItselfIsEmpty) {
  const auto outcome = lensbench({"diff", archive("a.h5"), archive("a.h5")});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("results      identical"));
}

TEST_F(ArchiveCommands, DiffNamesTheParameterAndTheVariableThatDiffer) {
  const auto outcome = lensbench({"diff", archive("a.h5"), archive("c.h5")});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("request/parameters/top_k: \"3\" -> \"2\""),
                    HasSubstr("logit_lens axis rank: 2 labels are in both and compared; "
                              "only in the first: 3\n"),
                    ::testing::Not(HasSubstr("logit_lens/top_id"))));
}

TEST_F(ArchiveCommands, DiffAllowsRoundingWhenAsked) {
  // One thread against two: other last bits in the products, the same order of tokens.
  EXPECT_EQ(lensbench({"diff", archive("a.h5"), archive("b.h5"), "--tolerance"}).exit_code, 0);
}

TEST_F(ArchiveCommands, VersionsListsArchivesOldestFirstWithWhatChanged) {
  const auto outcome = lensbench({"versions", "logit_lens", "--dir", archive(""), "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const json list = json::parse(outcome.out);
  ASSERT_EQ(list.size(), 3U);
  EXPECT_TRUE(list[0]["changes"].empty());
  EXPECT_EQ(list[1]["changes"], json::array());  // threads are not part of the request
  EXPECT_EQ(list[2]["changes"], json::array({"request/parameters/top_k: \"3\" -> \"2\""}));
  EXPECT_EQ(lensbench({"versions", "other_experiment", "--dir", archive("")}).exit_code, 1);
}

TEST_F(ArchiveCommands, ExportWritesATidyTable) {
  const auto outcome =
      lensbench({"export", archive("a.h5"), "logit_lens/target_rank", "--format", "csv"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith("layer,layer_label,token,"));
  EXPECT_THAT(outcome.out, HasSubstr("target_rank\r\n0,embed,0,"));
}

TEST_F(ArchiveCommands, ExportWritesJsonWithCoordinates) {
  const auto outcome = lensbench({"export", archive("a.h5"), "logit_lens/entropy"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json dataset = json::parse(outcome.out);
  EXPECT_EQ(dataset["variables"].size(), 1U);
  EXPECT_EQ(dataset["variables"]["entropy"]["units"], "nats");
  EXPECT_TRUE(dataset["coordinates"].contains("input_token"));
}

TEST_F(ArchiveCommands, ExportNamesTheNearestOfWhatIsThere) {
  const auto variable = lensbench({"export", archive("a.h5"), "logit_lens/entropie"});
  EXPECT_EQ(variable.exit_code, 3);
  EXPECT_THAT(variable.err,
              AllOf(HasSubstr("a.h5/results/logit_lens"), HasSubstr("did you mean 'entropy'")));
  const auto dataset = lensbench({"export", archive("a.h5"), "lens/entropy"});
  EXPECT_EQ(dataset.exit_code, 3);
  EXPECT_THAT(dataset.err, AllOf(HasSubstr("a.h5"), HasSubstr("'logit_lens'")));
}

TEST_F(ArchiveCommands, ExportDoesNotOverwrite) {
  const auto outcome = lensbench({"export", archive("a.h5"), "logit_lens/entropy", "--format",
                                  "npz", "--out", archive("prompts.jsonl")});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("not overwritten"));
}

TEST_F(ArchiveCommands, ExportWritesSafetensors) {
  const std::string out = archive("entropy.safetensors");
  const auto to_terminal =
      lensbench({"export", archive("a.h5"), "logit_lens/entropy", "--format", "safetensors"});
  EXPECT_EQ(to_terminal.exit_code, 2);
  EXPECT_THAT(to_terminal.err, HasSubstr("binary format"));
  const auto outcome = lensbench(
      {"export", archive("a.h5"), "logit_lens/entropy", "--format", "safetensors", "--out", out});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const SafetensorsFile file(out);
  EXPECT_TRUE(file.tensor("entropy").equal(
      ArchiveReader(archive("a.h5")).read("logit_lens")["entropy"].tensor));
}

// The fixture is described in tests/framework/archive/format_test.cpp.
TEST_F(ArchiveCommands, TakeAnArchiveOfFormat1) {
  const std::string old = testing::data_folder() + "/archives/format_1.h5";
  EXPECT_THAT(lensbench({"verify", old}).out, HasSubstr("intact and complete"));
  EXPECT_THAT(lensbench({"show", old, "--facts"}).out,
              AllOf(HasSubstr("format      1\n"), HasSubstr("lensbench 1.0.0")));
  EXPECT_EQ(lensbench({"show", old}).exit_code, 0);
  const auto table = lensbench({"export", old, "logit_lens/entropy", "--format", "csv"});
  EXPECT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out, StartsWith("layer,layer_label,token,"));
  const auto difference = lensbench({"diff", old, archive("a.h5")});
  EXPECT_EQ(difference.exit_code, 1) << difference.err;
  EXPECT_THAT(difference.out, AllOf(HasSubstr("request/parameters/top_k: \"2\" -> \"3\""),
                                    Not(HasSubstr("attributes differ"))));
}

TEST_F(ArchiveCommands, ReplaySaysWhichVersionMadeAnArchiveOfFormat1) {
  const std::string old = testing::data_folder() + "/archives/format_1.h5";
  const auto outcome =
      lensbench({"replay", old, "--model", kModel, "--allow-different", "--quiet"});
  EXPECT_THAT(outcome.err, HasSubstr("format_1.h5: the archive has format 1, made by lensbench "
                                     "1.0.0 (commit 157564efe078"));
  EXPECT_THAT(outcome.out, HasSubstr("not a replay"));  // its plug-in was another binary
  EXPECT_THAT(lensbench({"replay", archive("a.h5")}).err, Not(HasSubstr("made by lensbench")));
}

TEST_F(ArchiveCommands, TellAFileThatIsNoArchive) {
  for (const std::string command : {"replay", "show", "verify"}) {
    const auto outcome = lensbench({command, archive("prompts.jsonl")});
    EXPECT_EQ(outcome.exit_code, 3) << command;
    EXPECT_THAT(outcome.err, HasSubstr("prompts.jsonl")) << command;
  }
}

}  // namespace
}  // namespace lensbench
