#include "support/command.hpp"

#include <sys/stat.h>

#include <cmath>

#include "support/folders.hpp"

// The command as its users run it: output, exit codes, archives.

namespace lensbench {
namespace {

json expected_cases() {
  const auto text =
      testing::slurp(fs::path(testing::data_folder()) / "embedded_model" / "expected.json");
  return json::parse(text)["cases"];
}

TEST(Command, TeachesItselfOnHelp) {
  const auto help = lensbench({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("run EXPERIMENT"), HasSubstr("Exit codes")));
  EXPECT_EQ(help.err, "");
  const auto tool = lensbench({"tool", "logit_lens", "--help"});
  EXPECT_EQ(tool.exit_code, 0);
  EXPECT_THAT(tool.out, AllOf(HasSubstr("top_k = 10"), HasSubstr("--prompts")));
}

TEST(Command, ExitsWith2OnWrongUsageAndSuggests) {
  const auto command = lensbench({"tol"});
  EXPECT_EQ(command.exit_code, 2);
  EXPECT_THAT(command.err, HasSubstr("did you mean 'tool'"));
  const auto option = lensbench({"tool", "logit_lens", "--modl", kModel});
  EXPECT_EQ(option.exit_code, 2);
  EXPECT_THAT(option.err, HasSubstr("did you mean 'model'"));
  const auto parameter =
      lensbench({"tool", "logit_lens", "--model", kModel, "--prompt", "x", "--set", "topk=3"});
  EXPECT_EQ(parameter.exit_code, 2);
  EXPECT_THAT(parameter.err, HasSubstr("did you mean 'top_k'"));
  EXPECT_EQ(lensbench({"tool", "logit_lens", "--model", kModel}).exit_code, 2);
}

TEST(Command, RefusesASettingThatIsGivenTwice) {
  const auto outcome = lensbench({"tool", "logit_lens", "--model", kModel, "--prompt", "x", "--set",
                                  "top_k=3", "--set", "top_k=4"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--set top_k is given twice"));
}

TEST(Command, TakesNoOptionForAForgottenValue) {
  const auto outcome =
      lensbench({"tool", "logit_lens", "--model", kModel, "--prompt", "--quiet", "--ids", "1"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("--prompt needs a value"), HasSubstr("--prompt=--quiet")));
}

TEST(Command, SaysWhatToDoAboutWordsThatStandFree) {
  const auto outcome =
      lensbench({"tool", "logit_lens", "--model", kModel, "--prompt", "And", "the", "LORD"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("unexpected argument 'the'"), HasSubstr("quote")));
}

TEST(Command, KnowsAnExperimentFromATool) {
  const auto outcome = lensbench({"tool", "first_look", "--model", kModel, "--prompt", "x"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("an experiment, not a tool"));
}

TEST(Command, NamesTheToolThatHasAParameterTheExperimentHasNot) {
  const auto outcome =
      lensbench({"run", "first_look", "--model", kModel, "--prompt", "x", "--set", "heads=false"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("'heads'"), HasSubstr("lensbench tool layer_attribution")));
}

TEST(Command, RefusesARunWithoutARequiredParameterBeforeItBegins) {
  const TempDir directory;
  const auto outcome =
      run_into(directory / "a.h5", {"run", "model_comparison", "--model", kModel, "--prompt", "x"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("'other' must be set"), Not(HasSubstr("case"))));
  EXPECT_FALSE(fs::exists(directory / "a.run"));
}

TEST(Command, ExitsWith3OnInputThatIsNotThere) {
  const auto outcome =
      lensbench({"tool", "logit_lens", "--model", "/no/such/model", "--prompt", "x"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("/no/such/model"));
}

// An archive records the SHA-256 of the file, and a pipe can be read only once.
TEST(Command, ExitsWith3OnPromptsFromAPipe) {
  const TempDir directory;
  const std::string pipe = directory / "prompts.jsonl";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const auto outcome =
      run_into(directory / "a.h5", {"tool", "logit_lens", "--model", kModel, "--prompts", pipe});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr(pipe), HasSubstr("save the prompts to a file")));
}

TEST(Command, SaysWhichCommandWouldFetchAHubModel) {
  const auto outcome = lensbench({"model", "info", "some-org/some-model"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("hf download some-org/some-model"));
}

TEST(Command, ExitsWith3OnATruncatedCheckpointNamingTheFile) {
  const TempDir directory;
  fs::copy(kModel, directory / "m");
  fs::resize_file(directory / "m" / fs::path("model.safetensors"), 100000);
  const auto outcome =
      lensbench({"tool", "logit_lens", "--model", directory / "m", "--prompt", "x"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("model.safetensors"));
}

TEST(Command, ExitsWith4OnAToolThatIsNotThere) {
  const auto outcome = lensbench({"tool", "patchscope", "--model", kModel, "--prompt", "x"});
  EXPECT_EQ(outcome.exit_code, 4);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("tool 'patchscope' not found"), HasSubstr("searched")));
}

TEST(TokenizeCommand, GivesTheIdsOfHuggingFace) {
  for (const auto& expected : expected_cases()) {
    const auto outcome = lensbench({"tokenize", "--model", kModel, "--json", "--prompt",
                                    expected["prompt"].get<std::string>()});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(json::parse(outcome.out)["ids"], expected["ids"]);
  }
}

TEST(LogitLensCommand, AgreesWithTransformersAtEveryLayerAndPosition) {
  for (const auto& expected : expected_cases()) {
    const TempDir directory;
    const auto outcome =
        run_into(directory / "a.h5", {"tool", "logit_lens", "--model", kModel, "--json", "--prompt",
                                      expected["prompt"].get<std::string>()});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto variables = json::parse(outcome.out)["results"]["logit_lens"]["variables"];
    const auto& ids = variables["top_id"]["data"];
    ASSERT_EQ(ids.size(), expected["top_ids"].size());
    for (std::size_t layer = 0; layer < ids.size(); ++layer)
      for (std::size_t token = 0; token < ids[layer].size(); ++token) {
        EXPECT_EQ(ids[layer][token][0], expected["top_ids"][layer][token][0]);
        // float32 weights and sums of 128 terms: 1e-5 is what the contract allows.
        for (const auto& [ours, theirs] :
             {std::pair{variables["top_probability"]["data"][layer][token][0].get<double>(),
                        expected["top_probabilities"][layer][token][0].get<double>()},
              std::pair{variables["entropy"]["data"][layer][token].get<double>(),
                        expected["entropy"][layer][token].get<double>()},
              std::pair{variables["kl_final_to_layer"]["data"][layer][token].get<double>(),
                        expected["kl_final_to_layer"][layer][token].get<double>()}})
          EXPECT_NEAR(ours, theirs, 1e-5 * std::max(1.0, std::abs(theirs)));
      }
  }
}

TEST(TokenAnalyzerCommand, GeneratesTheGreedyContinuationOfTransformers) {
  for (const auto& expected : expected_cases()) {
    const TempDir directory;
    const auto outcome =
        run_into(directory / "a.h5",
                 {"tool", "token_analyzer", "--model", kModel, "--json", "--set",
                  "max_new_tokens=12", "--prompt", expected["prompt"].get<std::string>()});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const auto chosen =
        json::parse(outcome.out)["results"]["token_analyzer"]["variables"]["chosen_id"]["data"];
    const std::vector<std::int64_t> generated(
        chosen.begin() + static_cast<std::ptrdiff_t>(expected["ids"].size()), chosen.end());
    EXPECT_EQ(generated, expected["greedy"].get<std::vector<std::int64_t>>());
  }
}

TEST(RunCommand, PrintsAsJsonWhatTheArchiveHoldsOfAllCases) {
  const TempDir directory;
  const auto outcome = run_into(
      directory / "a.h5", {"tool", "logit_lens", "--model", kModel, "--json", "--prompt",
                           "And God said", "--prompt", "In the beginning God", "--set", "top_k=3"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto printed = json::parse(outcome.out);
  const auto exported = lensbench({"export", directory / "a.h5", "logit_lens"});
  ASSERT_EQ(exported.exit_code, 0) << exported.err;
  EXPECT_EQ(printed["results"]["logit_lens"], json::parse(exported.out));
  EXPECT_EQ(printed["results"]["logit_lens"]["variables"]["entropy"]["data"].size(), 7u);
}

TEST(RunCommand, ShowsTheFirstLookInEightyPlainColumnsAndKeepsIt) {
  const TempDir directory;
  const auto outcome =
      run_into(directory / "a.h5", {"run", "first_look", "--model", kModel, "--prompt",
                                    " the God of Abraham, of Isaac, and of"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(outcome.out, HasSubstr("Jacob"));
  const auto shown = lensbench({"show", directory / "a.h5"});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_EQ(shown.out, outcome.out);
  const auto facts = lensbench({"show", directory / "a.h5", "--facts"});
  EXPECT_EQ(facts.exit_code, 0) << facts.err;
  EXPECT_THAT(facts.out, AllOf(HasSubstr("first_look"), HasSubstr("attribution"),
                               HasSubstr("generation"), HasSubstr("lens")));
}

TEST(ShowCommand, DrawsOneResultOfTheCasesThatAreNamed) {
  const TempDir directory;
  directory.write("p.txt", "And God said\nAnd it came\nthe LORD\nof Israel\nMoses said\n");
  const auto outcome = run_into(directory / "a.h5", {"run", "first_look", "--model", kModel,
                                                     "--prompts", directory / "p.txt"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Shown: the first 3 of 5 cases"));
  const auto one = lensbench({"show", directory / "a.h5", "generation", "--case", "line-4"});
  EXPECT_EQ(one.exit_code, 0) << one.err;
  EXPECT_THAT(one.out, AllOf(HasSubstr("Israel"), Not(HasSubstr("And God said")),
                             Not(HasSubstr("attribution"))));
  const auto other = lensbench({"show", directory / "a.h5", "generatoin"});
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.err, HasSubstr("did you mean 'generation'?"));
  const auto none = lensbench({"show", directory / "a.h5", "--case", "line-9"});
  EXPECT_THAT(none.err, HasSubstr("it does not have a case 'line-9'; did you mean"));
}

TEST(ModelCommand, SaysWhatACheckpointIs) {
  const auto info = lensbench({"model", "info", kModel, "--json"});
  ASSERT_EQ(info.exit_code, 0) << info.err;
  const auto facts = json::parse(info.out);
  EXPECT_EQ(facts["family"], "gpt2");
  EXPECT_EQ(facts["n_layers"], 6);
  // transformers' own count of the tied model.
  EXPECT_EQ(facts["parameters"], 1484800);
}

TEST(ModelCommand, SaysWhatAVisionTowerIs) {
  const std::string model = testing::data_folder() + "/vision_models/qwen2_5_vl";
  const auto info = lensbench({"model", "info", model});
  ASSERT_EQ(info.exit_code, 0) << info.err;
  EXPECT_THAT(info.out, HasSubstr("vision tower  4 layers, d_vision 16, d_mlp 24 (gated), 2 heads "
                                  "of 8, RMSNorm\n"));
  EXPECT_THAT(info.out, HasSubstr("14 x 14 pixels, 4 a token, windows of 56 pixels except in "
                                  "blocks 1, 3\n"));
  const auto facts = json::parse(lensbench({"model", "info", model, "--json"}).out);
  EXPECT_EQ(facts["vision"]["patches_of_token"], 4);
  EXPECT_TRUE(json::parse(lensbench({"model", "info", kModel, "--json"}).out)["vision"].is_null());
}

TEST(Command, RunsAToolOfWeightsWithoutAPrompt) {
  const TempDir folder;
  const std::string archive = folder / "a.h5";
  const auto run = run_into(archive, {"tool", "composition", "--model", kModel, "--set",
                                      "directions=0", "--set", "baseline_draws=2"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto replay = lensbench({"replay", archive, "--quiet"});
  EXPECT_EQ(replay.exit_code, 0) << replay.err << replay.out;
  // A prompt does not change the answer, and every other tool needs one.
  const std::string with_prompt = folder / "b.h5";
  ASSERT_EQ(run_into(with_prompt, {"tool", "composition", "--model", kModel, "--prompt", "And God",
                                   "--set", "directions=0", "--set", "baseline_draws=2"})
                .exit_code,
            0);
  EXPECT_THAT(lensbench({"diff", archive, with_prompt}).out, HasSubstr("composition"));
  const auto lens = lensbench({"tool", "logit_lens", "--model", kModel});
  EXPECT_EQ(lens.exit_code, 2);
  EXPECT_THAT(lens.err, HasSubstr("prompts are missing"));
}

}  // namespace
}  // namespace lensbench
