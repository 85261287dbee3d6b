#include <ATen/Context.h>

#include "support/command.hpp"

// Runs by the command: what is kept of failed cases, which requests are refused, and equal digests
// of equal runs.

namespace lensbench {
namespace {

TEST(RunCommand, PrintsNothingWhenQuiet) {
  const TempDir directory;
  const auto outcome = run_into(
      directory / "a.h5", {"tool", "logit_lens", "--model", kModel, "--prompt", "And", "--quiet"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.out + outcome.err, "");
  EXPECT_TRUE(fs::exists(directory / "a.h5"));
}

TEST(RunCommand, RecordsAFailingCaseAndKeepsTheOthers) {
  const TempDir directory;
  directory.write(
      "p.jsonl", R"({"id": "good", "text": "And God said"}
{"id": "too_long", "ids": [)" +
                     [] {
                       std::string ids = "5";
                       for (int i = 0; i < 300; ++i) ids += ", 5";
                       return ids;
                     }() +
                     R"(]}
{"id": "unknown_id", "ids": [99999]}
{"id": "also_good", "text": "And it came to pass"}
)");
  const auto outcome = run_into(directory / "a.h5", {"tool", "logit_lens", "--model", kModel,
                                                     "--json", "--prompts", directory / "p.jsonl"});
  EXPECT_EQ(outcome.exit_code, 5);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("'too_long' failed"), HasSubstr("'unknown_id' failed")));
  const auto result = json::parse(outcome.out);
  EXPECT_EQ(result["failures"].size(), 2u);
  EXPECT_EQ(result["results"]["logit_lens"]["coordinates"]["case"]["data"].back(), 3);
}

TEST(RunCommand, RefusesAWrongParameterBeforeTheFirstCase) {
  const TempDir directory;
  const std::map<std::string, std::string> messages = {
      {"points=resid_middle", "did you mean 'resid_mid'?"},
      {"top_k=0", "expected an integer of at least 1"},
      {"top_k=100000", "give 1 to"},
      {"target=two words", "parameter 'target'"}};
  for (const auto& [given, message] : messages) {
    const auto outcome = run_into(directory / "a.h5", {"tool", "logit_lens", "--model", kModel,
                                                       "--prompt", "And", "--set", given});
    EXPECT_EQ(outcome.exit_code, 2) << given;
    EXPECT_THAT(outcome.err, AllOf(HasSubstr(message), Not(HasSubstr("case")))) << given;
    EXPECT_TRUE(fs::is_empty(directory.path())) << given;
  }
}

TEST(RunCommand, LeavesNothingBehindWhenEveryPromptIsWrong) {
  const TempDir directory;
  const auto outcome =
      run_into(directory / "a.h5", {"tool", "logit_lens", "--model", kModel, "--ids", "99999"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("99999"), HasSubstr("the archive was not written")));
  EXPECT_TRUE(fs::is_empty(directory.path()));
}

TEST(RunCommand, RefusesADeviceThisLibtorchLacks) {
  if (at::hasCUDA()) GTEST_SKIP() << "this libtorch has CUDA";
  const auto outcome =
      lensbench({"tool", "logit_lens", "--model", kModel, "--prompt", "And", "--device", "cuda:0"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("without CUDA"));
}

TEST(VerifyCommand, TellsIntactFromChangedAndFromAnotherArchive) {
  const TempDir directory;
  ASSERT_EQ(run_into(directory / "a.h5", {"tool", "logit_lens", "--model", kModel, "--prompt",
                                          "And God said", "--quiet"})
                .exit_code,
            0);
  const auto archive = (directory / "a.h5").string();
  EXPECT_EQ(lensbench({"verify", archive}).exit_code, 0);
  const auto other = lensbench({"verify", archive, "--expect", std::string(64, '0')});
  EXPECT_EQ(other.exit_code, 1);
  EXPECT_THAT(other.out, AllOf(HasSubstr("NOT the archive"), Not(HasSubstr("DAMAGED"))));

  const std::string sidecar = testing::slurp(archive + ".sha256");
  const std::string results = sidecar.substr(std::string("results_sha256 ").size(), 64);
  const auto known = lensbench({"verify", archive, "--expect", results});
  EXPECT_EQ(known.exit_code, 0) << known.out;
  EXPECT_THAT(known.out, HasSubstr("the expected digest is that of the results\n"));

  auto bytes = testing::slurp(archive);
  const auto prompt = bytes.find("And God said");
  ASSERT_NE(prompt, std::string::npos);
  bytes[prompt] = 'B';
  const auto changed = lensbench({"verify", directory.write("b.h5", bytes)});
  EXPECT_EQ(changed.exit_code, 1);
  EXPECT_THAT(changed.out, AllOf(HasSubstr("/recipe is damaged"), HasSubstr("DAMAGED")));
}

TEST(RunCommand, KeepsAnExistingArchive) {
  const TempDir directory;
  const std::vector<std::string> command = {"tool",     "logit_lens", "--model", kModel,
                                            "--prompt", "And",        "--quiet"};
  ASSERT_EQ(run_into(directory / "a.h5", command).exit_code, 0);
  const auto before = testing::slurp(directory / "a.h5");
  const auto again = run_into(directory / "a.h5", command);
  EXPECT_NE(again.exit_code, 0);
  EXPECT_THAT(again.err, HasSubstr("a.h5"));
  EXPECT_EQ(testing::slurp(directory / "a.h5"), before);
}

TEST(RunCommand, GivesEqualResultDigestsForEqualRuns) {
  const TempDir one, two;
  std::string digests[2];
  int i = 0;
  for (const auto* directory : {&one, &two}) {
    const auto outcome =
        run_into(*directory / "a.h5", {"run", "first_look", "--model", kModel, "--json", "--prompt",
                                       "And the LORD spake unto Moses,", "--threads", "1"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    digests[i++] = json::parse(outcome.out)["results_sha256"];
  }
  EXPECT_EQ(digests[0].size(), 64u);
  EXPECT_EQ(digests[0], digests[1]);
}

TEST(RunCommand, TakesOptionsFromAConfigFileAndLetsTheCommandLineWin) {
  const TempDir directory;
  directory.write("run.ini", "model = " + kModel + "\nprompt = And God said\n[set]\ntop_k = 7\n");
  const auto from_file = run_into(
      directory / "a.h5", {"tool", "logit_lens", "--config", directory / "run.ini", "--json"});
  ASSERT_EQ(from_file.exit_code, 0) << from_file.err;
  EXPECT_EQ(json::parse(from_file.out)["results"]["logit_lens"]["dims"]["rank"], 7);
  const TempDir other;
  const auto overridden = run_into(
      other / "a.h5",
      {"tool", "logit_lens", "--config", directory / "run.ini", "--json", "--set", "top_k=2"});
  ASSERT_EQ(overridden.exit_code, 0) << overridden.err;
  EXPECT_EQ(json::parse(overridden.out)["results"]["logit_lens"]["dims"]["rank"], 2);
  directory.write("bad.ini", "modell = x\n");
  const auto bad = lensbench({"tool", "logit_lens", "--config", directory / "bad.ini"});
  EXPECT_EQ(bad.exit_code, 3);
  EXPECT_THAT(bad.err, HasSubstr("modell"));
}

TEST(RunCommand, WorksWithIdsOnACheckpointWithoutATokenizer) {
  const TempDir directory;
  fs::create_directory(directory / "m");
  for (const char* file : {"config.json", "model.safetensors"})
    fs::copy(fs::path(kModel) / file, directory / "m" / fs::path(file));
  const auto ids = run_into(directory / "a.h5", {"tool", "logit_lens", "--model", directory / "m",
                                                 "--ids", "259 387 269"});
  EXPECT_EQ(ids.exit_code, 0) << ids.err;
  EXPECT_THAT(ids.out, HasSubstr("<259>"));
  const auto text = lensbench({"tool", "logit_lens", "--model", directory / "m", "--prompt", "x",
                               "--out", directory / "b.h5"});
  EXPECT_EQ(text.exit_code, 2);
  EXPECT_THAT(text.err, HasSubstr("tokenizer"));
}

TEST(RunCommand, ReadsEveryEarlierCheckpointOfTheEmbeddedModel) {
  for (const char* step : {"step-0", "step-100", "step-400", "step-1200"}) {
    const TempDir directory;
    const auto outcome =
        run_into(directory / "a.h5", {"tool", "logit_lens", "--quiet", "--model",
                                      kModel + "/checkpoints/" + step, "--prompt", "And God said"});
    EXPECT_EQ(outcome.exit_code, 0) << step << ": " << outcome.err;
  }
}

}  // namespace
}  // namespace lensbench
