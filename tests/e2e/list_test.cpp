#include <sstream>

#include "support/command.hpp"
#include "support/folders.hpp"

// `lensbench list`: what is there, without running any of it.

namespace lensbench {
namespace {

TEST(ListCommand, NamesTheShippedToolsAndExperiments) {
  const auto tools = lensbench({"list", "tools", "--json"});
  ASSERT_EQ(tools.exit_code, 0) << tools.err;
  std::vector<std::string> names;
  for (const auto& tool : json::parse(tools.out)) names.push_back(tool["name"]);
  EXPECT_THAT(names, ::testing::IsSupersetOf(
                         {"logit_lens", "layer_attribution", "token_analyzer", "activations"}));
  const auto experiments = lensbench({"list", "experiments", "--json"});
  ASSERT_EQ(experiments.exit_code, 0) << experiments.err;
  names.clear();
  for (const auto& experiment : json::parse(experiments.out)) names.push_back(experiment["name"]);
  EXPECT_THAT(names, ::testing::IsSupersetOf(
                         {"first_look", "prediction_trajectory", "layer_responsibility",
                          "generation_audit", "model_comparison", "hallucination_signals",
                          "training_dynamics", "induction_heads", "domain_shift", "answer_sources",
                          "indirect_object_identification", "factual_recall_tracing",
                          "concept_emergence", "circuit_discovery", "agreement", "probing"}));
}

TEST(ListCommand, ShowsDeclaredToolsWithTheirParametersAndWhetherTheyAreThere) {
  const auto outcome = lensbench({"list", "experiments", "--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  for (const auto& experiment : json::parse(outcome.out)) {
    if (experiment["name"] != "first_look") continue;
    EXPECT_THAT(experiment["tools"].get<std::vector<std::string>>(),
                ::testing::ElementsAre("logit_lens", "layer_attribution", "token_analyzer"));
    const auto& lens = experiment["declared_tools"][0];
    EXPECT_EQ(lens["available"], true);
    EXPECT_EQ(lens["parameters"][0]["name"], "top_k");
    EXPECT_EQ(lens["parameters"][0]["default"], "10");
    EXPECT_EQ(lens["parameters"][0]["units"], "tokens");
    EXPECT_EQ(lens["parameters"][0]["type"], "an integer");
  }
  // An experiment alone in a folder: its tools are not there, and the list says so.
  const TempDir folder;
  fs::create_directories(folder / "lib/lensbench/plugins");
  const fs::path build = testing::build_folder();
  fs::copy(build / "lib/lensbench/plugins/first_look.so", folder / "lib/lensbench/plugins");
  for (const auto& file : fs::directory_iterator(build / "lib"))
    if (file.path().filename().string().starts_with("liblensbench.so"))
      fs::copy(file.path(), folder / "lib" / file.path().filename(),
               fs::copy_options::copy_symlinks);
  const auto alone = testing::run({"/usr/bin/env", "LD_LIBRARY_PATH=" + (folder / "lib").string(),
                                   build / "bin" / "lensbench", "list", "experiments"});
  EXPECT_THAT(alone.out, HasSubstr("uses logit_lens, which is NOT LOADED")) << alone.err;
}

TEST(ListCommand, ShowsTheResultsOfATool) {
  const auto list = testing::run(
      {"/usr/bin/env", "COLUMNS=300", testing::build_folder() + "/bin/lensbench", "list", "tools"});
  EXPECT_THAT(list.out, HasSubstr("top_id [layer, token, rank]; "));
  const auto help = lensbench({"tool", "logit_lens", "--help"});
  EXPECT_THAT(help.out, HasSubstr("\n  entropy [layer, token] in nats, optional\n"
                                  "      entropy of the distribution\n"));
  const auto any = lensbench({"tool", "activations", "--help"});
  EXPECT_THAT(any.out, HasSubstr("\n  * [any dimensions], optional\n"));
}

// Each was refused after its value was read, while the help said that it may be empty.
TEST(ListCommand, SaysOrNoneOnlyOfListsThatMayBeEmpty) {
  // Lines are broken at the width of the terminal.
  const auto help = [](const char* kind, const char* name) {
    std::istringstream words(lensbench({kind, name, "--help"}).out);
    std::string text;
    for (std::string word; words >> word;) text += " " + word;
    return text;
  };
  EXPECT_THAT(help("tool", "logit_lens"), AllOf(HasSubstr("each once"), Not(HasSubstr("or none"))));
  EXPECT_THAT(help("tool", "input_attribution"), Not(HasSubstr("or none")));
  EXPECT_THAT(help("tool", "causal_tracing"), Not(HasSubstr("or none")));
  EXPECT_THAT(help("tool", "interchange"), Not(HasSubstr("or none")));
  EXPECT_THAT(help("run", "prediction_trajectory"), Not(HasSubstr("or none")));
  EXPECT_THAT(help("run", "factual_recall_tracing"), Not(HasSubstr("or none")));
  EXPECT_THAT(help("tool", "attention"), HasSubstr("or none"));
}

TEST(ListCommand, NamesHookPointsAsTransformerLensDoes) {
  const auto hooks = lensbench({"list", "hooks", "--model", kModel});
  ASSERT_EQ(hooks.exit_code, 0) << hooks.err;
  EXPECT_THAT(hooks.out,
              AllOf(HasSubstr("blocks.3.hook_resid_post  [batch, pos, d_model]"),
                    HasSubstr("blocks.5.attn.hook_pattern"), Not(HasSubstr("blocks.6."))));
}

TEST(ListCommand, NamesHookPointsOfAVisionTower) {
  const auto hooks =
      lensbench({"list", "hooks", "--model", testing::data_folder() + "/vision_models/qwen2_5_vl"});
  ASSERT_EQ(hooks.exit_code, 0) << hooks.err;
  EXPECT_THAT(
      hooks.out,
      AllOf(HasSubstr("vision_encoder.hook_patch_embed  [patch, d_vision]  = "
                      "vision_encoder.patch_embed.hook_out, vision_encoder.hook_vision_embed\n"),
            HasSubstr("vision_encoder.blocks.3.attn.hook_pattern  [vision_head, query_patch, "
                      "key_patch]\n"),
            HasSubstr("vision_projector.hook_out  [image_token, d_model]"),
            HasSubstr("hook_merged_embed  [batch, pos, d_model]"),
            Not(HasSubstr("vision_encoder.blocks.4."))));
}

// The last lines of a help text are an example of the entry that was asked about.
TEST(ListCommand, HelpOfEachEntryEndsWithACommandOfItsOwn) {
  for (const auto& [kind, command] : {std::pair("tools", "tool"), {"experiments", "run"}}) {
    const json listed = json::parse(lensbench({"list", kind, "--json"}).out);
    for (const json& entry : listed) {
      const std::string name = entry["name"];
      const std::string help = lensbench({command, name, "--help"}).out;
      const std::string example = help.substr(help.rfind("\nExample:\n"));
      EXPECT_THAT(example, StartsWith("\nExample:\n  lensbench " + std::string(command) + " " +
                                      name + " --model DIR"))
          << help;
      // Some tools do not read a prompt.
      const bool reads_prompts =
          name != "composition" && name != "facts" && name != "probe" && name != "interchange";
      EXPECT_EQ(example.find("--prompt TEXT") != std::string::npos, reads_prompts) << name;
    }
  }
}

}  // namespace
}  // namespace lensbench
