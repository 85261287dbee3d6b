#include <map>
#include <set>

#include "support/command.hpp"

// What a run cost, as the archive tells it.

namespace lensbench {
namespace {

constexpr int kBlocks = 6;

Outcome run_two_cases(const std::string& out, std::vector<std::string> command) {
  command.insert(command.end(), {"--model", kModel, "--prompt", "In the beginning God created",
                                 "--ids", "5 6 7 8", "--threads", "1", "--quiet"});
  return run_into(out, std::move(command));
}

json shown(const std::string& archive) {
  return json::parse(lensbench({"show", archive, "--json"}).out);
}

TEST(Profile, ChangesNoDigestOfResultsAndRecipe) {
  const TempDir folder;
  for (const std::string experiment : {"first_look", "layer_responsibility", "generation_audit"}) {
    const auto off = run_two_cases(folder / (experiment + "-off.h5"), {"run", experiment});
    const auto on =
        run_two_cases(folder / (experiment + "-on.h5"), {"run", experiment, "--profile"});
    ASSERT_EQ(off.exit_code, 0) << off.err;
    ASSERT_EQ(on.exit_code, 0) << on.err;
    EXPECT_EQ(on.err, "");  // libtorch says here what its own profiler dislikes
    const json a = shown(folder / (experiment + "-off.h5"))["digests"],
               b = shown(folder / (experiment + "-on.h5"))["digests"];
    for (const char* digest : {"results_sha256", "recipe_sha256", "environment_sha256"})
      EXPECT_EQ(a[digest], b[digest]) << experiment << " " << digest;
  }
}

TEST(Profile, HoldsEveryBlockAndComponentOfTheModel) {
  const TempDir folder;
  ASSERT_EQ(run_two_cases(folder / "a.h5", {"tool", "logit_lens", "--profile"}).exit_code, 0);
  const json costs = shown(folder / "a.h5")["costs"];
  std::map<int, std::set<std::string>> components;
  double seconds = 0;
  for (const json& entry : costs["profile"]) {
    components[entry["block"].get<int>()].insert(entry["component"].get<std::string>());
    seconds += entry["seconds"].get<double>();
    EXPECT_GT(entry["calls"], 0);
  }
  EXPECT_THAT(components[-1], IsSupersetOf({"embed", "norm", "readout", "setup"}));
  for (int block = 0; block < kBlocks; ++block)
    EXPECT_EQ(components[block], (std::set<std::string>{"attention", "mlp", "norm", "residual"}));
  EXPECT_EQ(components.size(), kBlocks + 1U);
  // With one tool, everything in a profile is part of its time.
  EXPECT_LE(seconds, costs["tools"]["logit_lens"]["seconds"].get<double>());
  EXPECT_GE(seconds, 0.5 * costs["tools"]["logit_lens"]["seconds"].get<double>());
}

TEST(Profile, IsATableForAReader) {
  const TempDir folder;
  ASSERT_EQ(run_two_cases(folder / "a.h5", {"tool", "logit_lens", "--profile"}).exit_code, 0);
  const auto outcome = lensbench({"show", folder / "a.h5", "--facts"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("component"), HasSubstr("attention"),
                                 HasSubstr("weights read"), HasSubstr("seconds by block")));
}

TEST(Profile, IsNotThereUnlessAskedFor) {
  const TempDir folder;
  ASSERT_EQ(run_two_cases(folder / "a.h5", {"tool", "logit_lens"}).exit_code, 0);
  EXPECT_TRUE(shown(folder / "a.h5")["costs"]["profile"].empty());
  EXPECT_THAT(lensbench({"show", folder / "a.h5", "--facts"}).out,
              Not(HasSubstr("seconds by block")));
}

TEST(Costs, OfEveryToolAndCaseAreKept) {
  const TempDir folder;
  ASSERT_EQ(run_two_cases(folder / "a.h5", {"run", "first_look"}).exit_code, 0);
  const json costs = shown(folder / "a.h5")["costs"];
  double in_tools = 0;
  for (const char* tool : {"logit_lens", "layer_attribution", "token_analyzer"}) {
    const json& cost = costs["tools"][tool];
    EXPECT_EQ(cost["calls"], 2) << tool;
    EXPECT_GT(cost["seconds"], 0) << tool;
    in_tools += cost["seconds"].get<double>();
    // A process with libtorch and this model holds tens of megabytes, and no gigabytes.
    if (cost["peak_memory_bytes"].is_null()) continue;
    EXPECT_GT(cost["peak_memory_bytes"], 10e6) << tool;
    EXPECT_LT(cost["peak_memory_bytes"], 8e9) << tool;
  }
  EXPECT_LE(in_tools, costs["case_seconds"].get<double>());
  EXPECT_GE(in_tools, 0.5 * costs["case_seconds"].get<double>());
}

}  // namespace
}  // namespace lensbench
