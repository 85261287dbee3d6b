#include <signal.h>

#include <chrono>
#include <thread>

#include "support/command.hpp"
#include "support/folders.hpp"

// Experiments with several passes or models, as the command runs them: killed and gone on with, and
// given input that they must refuse.

namespace lensbench {
namespace {

struct LongExperiment {
  const char* name;
  std::string prompts;  ///< a file of prompts
  std::vector<std::string> set;
};

std::vector<LongExperiment> long_experiments() {
  const std::string shipped = testing::source_folder() + "/examples/prompts/";
  const std::string steps = kModel + "/checkpoints/step-";
  return {{"hallucination_signals", shipped + "hallucination_signals.jsonl", {}},
          {"induction_heads", kModel + "/../prompts.txt", {"sequences=4", "length=8", "draws=2"}},
          {"training_dynamics",
           kModel + "/../prompts.txt",
           {"checkpoints=" + steps + "0," + steps + "400", "length=8"}},
          {"answer_sources", shipped + "answer_sources.jsonl", {}},
          {"circuit_discovery",
           shipped + "circuit_discovery.jsonl",
           {"method=eap", "proportions=0.05,0.2"}},
          {"agreement", shipped + "agreement.jsonl", {}},
          {"probing",
           shipped + "probe.jsonl",
           {"kind=mean_difference", "target= was", "versus= were", "steered=4"}},
          {"factual_recall_tracing",
           shipped + "factual_recall_tracing.jsonl",
           {"samples=2", "kinds=mlp"}},
          {"indirect_object_identification",
           kModel + "/../prompts.txt",
           {"templates=" + shipped + "indirect_object_identification.txt",
            "names=" + shipped + "indirect_object_names.txt", "prompts=100", "traced=4",
            "minimum_accuracy=0", "edge_method=eap", "proportions=0.05,0.2", "random_draws=1"}},
          {"domain_shift",
           shipped + "domain_shift.txt",
           {"tuned=" + steps + "400", "terms=" + shipped + "domain_terms.txt"}}};
}

std::vector<std::string> run_of(const LongExperiment& experiment, const std::string& out) {
  std::vector<std::string> words = {testing::build_folder() + "/bin/lensbench",
                                    "run",
                                    experiment.name,
                                    "--model",
                                    kModel,
                                    "--prompts",
                                    experiment.prompts,
                                    "--threads",
                                    "1",
                                    "--commit-every",
                                    "0",
                                    "--out",
                                    out,
                                    "--json"};
  for (const std::string& one : experiment.set) words.insert(words.end(), {"--set", one});
  return words;
}

/// Waits until the run has made a case safe. \return false if it ends before
bool case_is_safe(const fs::path& run) {
  for (int i = 0; i < 3000; ++i) {
    std::error_code error;
    for (fs::recursive_directory_iterator it(run / "open", error), end; !error && it != end;
         it.increment(error))
      if (it->is_regular_file(error) && it->file_size(error) > 0) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(ShippedExperiments, GoOnAfterAKillToTheSameResults) {
  for (const LongExperiment& experiment : long_experiments()) {
    SCOPED_TRACE(experiment.name);
    const TempDir folder, output;
    const auto child = testing::start(run_of(experiment, folder / "a.h5"), output.path());
    ASSERT_TRUE(case_is_safe(folder / "a.run"));
    kill(child, SIGKILL);
    const auto killed = testing::wait_for(child, output.path());
    ASSERT_NE(killed.exit_code, 0) << "the run ended before it was killed";
    auto words = run_of(experiment, folder / "a.h5");
    words.push_back("--resume");
    const auto resumed = testing::run(words);
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    const auto whole = testing::run(run_of(experiment, folder / "b.h5"));
    ASSERT_EQ(whole.exit_code, 0) << whole.err;
    EXPECT_EQ(json::parse(resumed.out)["results_sha256"], json::parse(whole.out)["results_sha256"]);
  }
}

TEST(ShippedExperiments, NameTheLineThatLacksItsLabel) {
  const TempDir folder;
  folder.write("answers.jsonl",
               "{\"prompt\": \"And God\", \"answer\": \" said\", \"label\": 0}\n"
               "{\"prompt\": \"And God\", \"answer\": \" ate\"}\n");
  const auto refused = run_into(folder / "a.h5", {"run", "hallucination_signals", "--model", kModel,
                                                  "--prompts", folder / "answers.jsonl"});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("case 'line-2': the field 'label' is missing"),
                                 HasSubstr("write \"label\": 0 (the answer is right)")));
  EXPECT_FALSE(fs::exists(folder / "a.h5"));
}

TEST(ShippedExperiments, RefuseOneLabelAlone) {
  const TempDir folder;
  folder.write("answers.jsonl", "{\"text\": \"And God said\", \"label\": 1}\n");
  const auto refused = run_into(folder / "a.h5", {"run", "hallucination_signals", "--model", kModel,
                                                  "--prompts", folder / "answers.jsonl"});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, HasSubstr("add cases with the label 0"));
}

// The second of the pairs has nothing to do in the first pass, so that only that pass succeeds.
TEST(ShippedExperiments, SayWhyNoCaseCompletedAllPassesAndLeaveNothing) {
  const TempDir folder;
  const std::string line =
      "{\"text\": \" And Moses took\", \"corrupted\": \" And Moses took the book\"}\n";
  folder.write("pairs.jsonl", line + line);
  const auto refused = run_into(folder / "a.h5", {"run", "circuit_discovery", "--model", kModel,
                                                  "--prompts", folder / "pairs.jsonl"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("give prompts of equal length"));
  EXPECT_FALSE(fs::exists(folder / "a.h5"));
  EXPECT_FALSE(fs::exists(folder / "a.run"));
}

TEST(ShippedExperiments, RefuseCheckpointsOfAnotherModel) {
  const TempDir folder;
  const auto refused = run_into(
      folder / "a.h5", {"run", "training_dynamics", "--model", kModel, "--prompt", "And God said",
                        "--set", "checkpoints=" + testing::data_folder() + "/models/gpt2"});
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("is not a moment of the training of"),
                                 HasSubstr("give checkpoints of one training run")));
  EXPECT_FALSE(fs::exists(folder / "a.run")) << "a case was begun";
}

}  // namespace
}  // namespace lensbench
