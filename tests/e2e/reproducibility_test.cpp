#include <fstream>

#include "support/command.hpp"
#include "support/fixture_plugins.hpp"
#include "support/folders.hpp"

// Results and digests of one request in other folders, at other times, in other environments.

namespace lensbench {
namespace {

const std::string kPlugins = testing::build_folder() + "/lib/lensbench/plugins";

std::vector<std::string> lens_into(const std::string& out, const std::string& model = kModel) {
  return {"tool",      "logit_lens", "--model", model,   "--prompt", "In the beginning",
          "--threads", "1",          "--quiet", "--out", out};
}

/// Runs the command with variables of the environment set, in a folder.
Outcome lensbench_in(const fs::path& folder, const std::vector<std::string>& variables,
                     const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"/usr/bin/env", "--chdir=" + folder.string()};
  command.insert(command.end(), variables.begin(), variables.end());
  command.push_back(testing::build_folder() + "/bin/lensbench");
  command.insert(command.end(), arguments.begin(), arguments.end());
  return testing::run(command);
}

json digests(const std::string& archive) {
  return json::parse(lensbench({"show", archive, "--json"}).out)["digests"];
}

TEST(Reproducibility, DigestsAreTheSameFromAnotherFolderPlaceLocaleAndTimeZone) {
  const TempDir here, there;
  ASSERT_EQ(lensbench(lens_into(here / "a.h5")).exit_code, 0);
  fs::create_directory(there / "elsewhere");
  fs::copy(kModel, there / "kjv-gpt2");
  const auto outcome = lensbench_in(
      there / "elsewhere",
      {"LC_ALL=de_DE.UTF-8", "LANG=tr_TR.UTF-8", "TZ=Pacific/Kiritimati", "HOME=/nonexistent"},
      lens_into("b.h5", "../kjv-gpt2"));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const json a = digests(here / "a.h5"), b = digests(there / "elsewhere/b.h5");
  for (const char* digest : {"results_sha256", "recipe_sha256", "environment_sha256"})
    EXPECT_EQ(a[digest], b[digest]) << digest;
  EXPECT_NE(a["seal_sha256"], b["seal_sha256"]);  // times are in it
}

TEST(Reproducibility, HashedGroupsHoldNoPlaceOfThisMachine) {
  const TempDir folder;
  const auto run = lensbench_in(folder.path(), {"LD_LIBRARY_PATH=/home/someone/lib"},
                                lens_into(folder / "a.h5"));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const json facts = json::parse(lensbench({"show", folder / "a.h5", "--json"}).out);
  for (const char* group : {"request", "environment"})
    EXPECT_THAT(facts[group].dump(),
                AllOf(Not(HasSubstr(kModel)), Not(HasSubstr(folder.path().string())),
                      Not(HasSubstr("/home/"))))
        << group;
  EXPECT_EQ(facts["run"]["place_variables"]["LD_LIBRARY_PATH"], "/home/someone/lib");
}

TEST(Reproducibility, EnvironmentSaysWhatMadeTheBits) {
  const TempDir folder;
  const auto run = lensbench_in(folder.path(), {"OMP_SCHEDULE=static", "SECRET_TOKEN=hush"},
                                lens_into(folder / "a.h5"));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const json facts = json::parse(lensbench({"show", folder / "a.h5", "--json"}).out);
  const json& environment = facts["environment"];
  for (const char* fact : {"lensbench", "compiler", "build_type", "libtorch", "cpu_capability",
                           "hdf5", "libc", "cpu", "architecture", "operating_system"})
    EXPECT_NE(environment.value(fact, ""), "") << fact;
  EXPECT_EQ(environment["threads"], 1);
  EXPECT_EQ(environment["variables"]["OMP_SCHEDULE"], "static");
  EXPECT_THAT(facts.dump(), Not(HasSubstr("hush")));
  for (const char* fact : {"started", "ended", "host", "arguments", "working_directory"})
    EXPECT_TRUE(facts["run"].contains(fact)) << fact;
}

// Kernels of another instruction set round otherwise.
TEST(Reproducibility, ReplayWithOtherInstructionSetsStaysWithinTheStatedTolerance) {
  const TempDir folder;
  ASSERT_EQ(lensbench(lens_into(folder / "a.h5")).exit_code, 0);
  for (const std::string variable : {"ATEN_CPU_CAPABILITY=default", "OPENBLAS_CORETYPE=Nehalem"}) {
    const auto outcome =
        lensbench_in(folder.path(), {variable}, {"replay", folder / "a.h5", "--json", "--quiet"});
    EXPECT_EQ(outcome.exit_code, 0) << variable << outcome.out << outcome.err;
    const json report = json::parse(outcome.out);
    EXPECT_THAT(report["verdict"].get<std::string>(), StartsWith("REPLAYED")) << variable;
    EXPECT_FALSE(report["environment"].empty()) << variable;
  }
}

TEST(Reproducibility, ReplayNamesAnotherTokenizerAndRefuses) {
  const TempDir folder;
  ASSERT_EQ(lensbench(lens_into(folder / "a.h5")).exit_code, 0);
  fs::copy(kModel, folder / "other");
  std::ofstream(folder / "other/tokenizer.json", std::ios::app) << "\n";
  const std::vector<std::string> replay = {"replay", folder / "a.h5", "--model", folder / "other",
                                           "--quiet"};
  const auto refused = lensbench(replay);
  EXPECT_EQ(refused.exit_code, 3);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("tokenizer.json"), HasSubstr("--allow-different"),
                                 Not(HasSubstr("model.safetensors"))));
  auto allowed = replay;
  allowed.push_back("--allow-different");
  const auto outcome = lensbench(allowed);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;  // an equal answer, and yet not a replay
  EXPECT_THAT(outcome.out, HasSubstr("not a replay: the request differs; results identical"));
}

TEST(Reproducibility, ReplayNamesAnotherPluginBinaryAndRefuses) {
  const TempDir folder;
  ASSERT_EQ(lensbench(lens_into(folder / "a.h5")).exit_code, 0);
  fs::create_directory(folder / "plugins");
  fs::copy(kPlugins + "/logit_lens.so", folder / "plugins/logit_lens.so");
  std::ofstream(folder / "plugins/logit_lens.so", std::ios::app | std::ios::binary) << "\n";
  // Two binaries offer the tool now, so that one must be chosen.
  const std::vector<std::string> replay = {
      "replay", folder / "a.h5", "--quiet", "--pin",
      "logit_lens=" + (folder / "plugins/logit_lens.so").string()};
  const auto refused = lensbench(replay);
  EXPECT_EQ(refused.exit_code, 3) << refused.err;
  EXPECT_THAT(refused.err,
              AllOf(HasSubstr("plugins/logit_lens/sha256"), HasSubstr("--allow-different")));
  auto allowed = replay;
  allowed.push_back("--allow-different");
  const auto outcome = lensbench(allowed);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("not a replay: the request differs; results identical"));
}

TEST(Reproducibility, ReplayFindsAModelThatWasMovedByItsDigests) {
  const TempDir folder;
  fs::create_directories(folder / "models");
  fs::copy(kModel, folder / "models/before");
  ASSERT_EQ(lensbench(lens_into(folder / "a.h5", folder / "models/before")).exit_code, 0);
  // One that is not it, and it under another name.
  fs::copy(kModel + "/checkpoints/step-400", folder / "models/another");
  fs::rename(folder / "models/before", folder / "models/renamed");
  const auto outcome = lensbench({"replay", folder / "a.h5"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("models/renamed"));
  EXPECT_THAT(outcome.out, HasSubstr("identical in every bit"));
}

TEST(Reproducibility, ReplayFindsAModelInTheHubCacheByItsDigests) {
  const TempDir folder;
  fs::copy(kModel, folder / "before");
  ASSERT_EQ(lensbench(lens_into(folder / "a.h5", folder / "before")).exit_code, 0);
  fs::create_directories(folder / "hub/models--org--name/snapshots");
  fs::rename(folder / "before", folder / "hub/models--org--name/snapshots/abc");
  const auto outcome = lensbench_in(folder.path(), {"HF_HUB_CACHE=" + (folder / "hub").string()},
                                    {"replay", folder / "a.h5", "--quiet"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST(Reproducibility, ReplayTakesAFileOfAParameterFromWhereItIsNowUnderAnyName) {
  const TempDir folder;
  const std::string file = folder.write("prompts.txt", "And Moses went\nAnd God said\n");
  const std::string archive = folder / "a.h5", moved = folder / "moved/renamed.txt";
  const auto run = run_into(
      archive, {"tool", "layer_attribution", "--model", kModel, "--prompt", "And the LORD spake",
                "--set", "ablation=mean", "--set", "reference=" + file});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  fs::create_directory(folder / "moved");
  fs::rename(file, moved);
  const auto lost = lensbench({"replay", archive});
  EXPECT_EQ(lost.exit_code, 3) << lost.out;
  EXPECT_THAT(lost.err, AllOf(HasSubstr("is not at " + file), HasSubstr("--file reference=PATH")));
  const std::vector<std::string> replay = {"replay", archive, "--quiet", "--file",
                                           "reference=" + moved};
  const auto found = lensbench(replay);
  EXPECT_EQ(found.exit_code, 0) << found.err;
  EXPECT_THAT(found.out, HasSubstr("REPLAYED: identical in every bit"));
  folder.write("moved/renamed.txt", "And Moses came\nAnd God said\n");
  const auto changed = lensbench(replay);
  EXPECT_EQ(changed.exit_code, 3) << changed.out;
  EXPECT_THAT(changed.err, HasSubstr("files/reference file renamed.txt"));
}

// The experiment passes the path of a file to a typed call, so that the recipe has it as a text.
TEST(Reproducibility, ReplayNoticesAChangedFileThatATypedCallReads) {
  const TempDir folder, plugins;
  testing::place(plugins, "checked_parameters");
  const std::string file = folder.write("prompts.txt", "And Moses went\nAnd God said\n");
  const std::string archive = folder / "a.h5";
  const auto run =
      run_into(archive, {"run", "reads_a_file", "--plugin-dir", plugins.path(), "--model", kModel,
                         "--prompt", "And the LORD spake", "--set", "place=" + file});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const std::vector<std::string> replay = {"replay", archive, "--plugin-dir", plugins.path(),
                                           "--quiet"};
  EXPECT_EQ(lensbench(replay).exit_code, 0);
  // The order of the prompts does not change their mean by more than rounding.
  folder.write("prompts.txt", "And God said\nAnd Moses went\n");
  const auto changed = lensbench(replay);
  EXPECT_EQ(changed.exit_code, 1) << changed.out;
  EXPECT_THAT(changed.out, HasSubstr("reference_sha256"));
}

}  // namespace
}  // namespace lensbench
