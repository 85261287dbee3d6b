#include "support/command.hpp"

// Activations as the command writes them, with and without interventions.

namespace lensbench {
namespace {

const std::string kStream = "blocks.2.hook_resid_post";

Outcome activations(const TempDir& folder, const std::string& archive,
                    std::vector<std::string> more = {}) {
  std::vector<std::string> command = {"tool",
                                      "activations",
                                      "--model",
                                      kModel,
                                      "--ids",
                                      "5 9 200 7",
                                      "--threads",
                                      "1",
                                      "--json",
                                      "--out",
                                      folder / archive,
                                      "--set",
                                      "hooks=blocks.2.hook_out"};
  command.insert(command.end(), more.begin(), more.end());
  return lensbench(command);
}

json values(const Outcome& outcome) {
  return json::parse(outcome.out)["results"]["activations"]["variables"][kStream]["data"];
}

TEST(Interventions, ActInARunAndAreReplayedFromItsArchive) {
  const TempDir folder;
  folder.write("change.json",
               R"([{"hook": "resid_post", "layers": [2], "positions": [1], "neurons": [0],
                    "action": "set", "value": 42}])");
  const auto plain = activations(folder, "a.h5");
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  const auto changed = activations(folder, "b.h5", {"--interventions", folder / "change.json"});
  ASSERT_EQ(changed.exit_code, 0) << changed.err;
  json expected = values(plain);
  expected[1][0] = 42.0;
  EXPECT_EQ(values(changed), expected);
  const auto replay = lensbench({"replay", folder / "b.h5", "--quiet"});
  EXPECT_EQ(replay.exit_code, 0) << replay.err;
  EXPECT_THAT(replay.out, HasSubstr("identical in every bit"));
}

TEST(Interventions, ThatAreWrongEndTheRunWithASentence) {
  const TempDir folder;
  folder.write("unknown.json", R"([{"hook": "resid_post", "action": "zero", "layer": 3}])");
  const auto unknown = activations(folder, "a.h5", {"--interventions", folder / "unknown.json"});
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_THAT(unknown.err,
              AllOf(HasSubstr("unknown.json"), HasSubstr("field layer: is not known")));
  folder.write("beyond.json", R"([{"hook": "z7", "action": "zero"}])");
  const auto beyond = activations(folder, "b.h5", {"--interventions", folder / "beyond.json"});
  EXPECT_EQ(beyond.exit_code, 2);
  EXPECT_THAT(beyond.err, HasSubstr("layers 0 to 5"));
  folder.write("late.json", R"([{"hook": "resid_post", "positions": [4], "action": "zero"}])");
  const auto late = activations(folder, "c.h5", {"--interventions", folder / "late.json"});
  EXPECT_EQ(late.exit_code, 2);
  EXPECT_THAT(late.err, HasSubstr("position 4 is outside this sequence of 4 tokens"));
}

TEST(ListCommand, ShowsTheOtherNamesOfHooks) {
  const auto hooks = lensbench({"list", "hooks", "--model", kModel});
  EXPECT_THAT(hooks.out, HasSubstr("blocks.3.hook_resid_post  [batch, pos, d_model]  = "
                                   "blocks.3.hook_out"));
}

}  // namespace
}  // namespace lensbench
