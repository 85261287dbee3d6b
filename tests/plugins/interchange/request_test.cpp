// What the tool is asked, what it refuses, and how it goes on.
#include <ATen/ops/eye.h>
#include <ATen/ops/ones.h>

#include <map>

#include "checkpoint/weights/safetensors.hpp"
#include "interchange_fixture.hpp"
#include "support/contexts.hpp"
#include "support/stopped_run.hpp"

namespace lensbench::interchange {
namespace {

std::string lines(std::int64_t count) {
  std::string text;
  for (std::int64_t i = 0; i < count; ++i)
    text += "{\"base_ids\": [3, " + std::to_string(7 + i) + "], \"source_ids\": [4, " +
            std::to_string(7 + i) + "], \"expected\": " + std::to_string(5 + i % 2) + "}\n";
  return text;
}

class InterchangeRequests : public ::testing::Test {
 protected:
  std::string file(const std::string& text) { return folder_.write("pairs.jsonl", text); }
  Dataset exchange(const InterchangeOptions& options, RunServices* run = nullptr) {
    InterchangeBench bench(model_);
    if (run != nullptr) ContextAccess::connect(bench.context, run);
    Dataset found = bench.tool.exchange(small_pairs(bench, 8), options);
    ContextAccess::connect(bench.context, nullptr);
    return found;
  }
  std::string misread(const std::string& text) {
    return message_of<InputError>([&] { bench_.tool.read(file(text)); });
  }
  std::string refusal(const Settings& more, const std::string& text = lines(8)) {
    Settings settings = {{"pairs", file(text)}};
    settings.insert(more.begin(), more.end());
    return message_of<UsageError>(
        [&] { bench_.tool.check_parameters(bench_.tool.parameters(settings)); });
  }

  testing::TempDir folder_;
  std::shared_ptr<const Model> model_ = Model::open(testing::data_folder() + "/models/gpt2");
  InterchangeBench bench_{model_};
};

TEST_F(InterchangeRequests, GoOnAfterAnInterruptionWithTheSameBits) {
  InterchangeOptions options;
  options.basis = {"mean_difference", "das"};
  options.steps = 2;
  options.position = {-1, 0};
  const Dataset whole = exchange(options);
  testing::expect_recorded(InterchangeTool::kParameters, [&] {
    Dataset with_file = whole;
    with_file.attributes["pairs"] = std::string();  // typed pairs have no file
    return with_file;
  }());
  for (const std::int64_t places : {1, 3}) {
    testing::StoppedRun stopped(places), resumed(1000);
    EXPECT_THAT(message_of<RunError>([&] { exchange(options, &stopped); }), HasSubstr("--resume"));
    EXPECT_EQ(stopped.states.at("interchange_places")["done"].tensor.item<std::int64_t>(), places);
    resumed.states = stopped.states;
    testing::expect_equal(exchange(options, &resumed), whole);
  }
}

TEST_F(InterchangeRequests, DoNotGoOnFromTheStateOfAnother) {
  InterchangeOptions options;
  testing::StoppedRun stopped(1), resumed(1000);
  EXPECT_THAT(message_of<RunError>([&] { exchange(options, &stopped); }), HasSubstr("--resume"));
  options.strength = 0.5;
  resumed.states = stopped.states;
  testing::expect_equal(exchange(options, &resumed), exchange(options));
}

TEST_F(InterchangeRequests, ReadEveryField) {
  const auto found = bench_.tool.read(
      file("{\"base_ids\": [3, 4], \"source_ids\": [5], \"expected\": 6, \"value\": \"blue\", "
           "\"part\": \"test\"}\n\n"
           "{\"base_ids\": [3], \"source_ids\": [5], \"expected\": 7, \"value\": 2}\n"));
  ASSERT_EQ(found.size(), 2);
  EXPECT_THAT(found[0].base.ids, ::testing::ElementsAre(3, 4));
  EXPECT_THAT(found[0].source.ids, ::testing::ElementsAre(5));
  EXPECT_EQ(found[0].expected, 6);
  EXPECT_EQ(found[0].value, "blue");
  EXPECT_EQ(found[0].in_test, true);
  EXPECT_EQ(found[1].value, "2");
  EXPECT_FALSE(found[1].in_test.has_value());
}

TEST_F(InterchangeRequests, NameFileLineAndFieldOfABadFile) {
  const std::string prompts = "{\"base_ids\": [3], \"source_ids\": [4]";
  EXPECT_THAT(misread(""), HasSubstr("is empty"));
  EXPECT_THAT(misread(prompts + ", \"expected\": 5}\nno"), HasSubstr("pairs.jsonl:2"));
  EXPECT_THAT(misread("[1]"), HasSubstr("expected a JSON object"));
  EXPECT_THAT(misread(prompts + "}"), HasSubstr("field expected is missing"));
  EXPECT_THAT(misread(prompts + ", \"expected\": 1.5}"), HasSubstr("field expected"));
  EXPECT_THAT(misread(prompts + ", \"expected\": 99999}"), HasSubstr("99999"));
  EXPECT_THAT(misread("{\"base_ids\": [3], \"expected\": 5}"),
              HasSubstr("exactly one of the fields source and source_ids"));
  EXPECT_THAT(misread("{\"base_ids\": [], \"source_ids\": [4], \"expected\": 5}"),
              HasSubstr("field base_ids: expected a list of token ids"));
  EXPECT_THAT(misread(prompts + ", \"expected\": 5, \"part\": \"both\"}"),
              HasSubstr("expected train or test"));
  EXPECT_THAT(misread(prompts + ", \"expected\": 5, \"colour\": 1}"),
              HasSubstr("unknown field colour"));
}

TEST_F(InterchangeRequests, WithoutControlsAreRefused) {
  EXPECT_THAT(refusal({{"controls", "none"}}), HasSubstr("expected one or more of placebo"));
  EXPECT_THAT(refusal({{"basis", "das"}, {"controls", "placebo"}}),
              HasSubstr("fits arbitrary labels"));
}

TEST_F(InterchangeRequests, WithoutAnEffectAreRefused) {
  EXPECT_THAT(refusal({{"strength", "0"}}), HasSubstr("other than 0, which changes nothing"));
  EXPECT_THAT(
      message_of<UsageError>([&] {
        bench_.tool.exchange({bench_.pair({3, 7}, {3, 7}, 5), bench_.pair({4}, {5}, 6)}, {});
      }),
      HasSubstr("base and source of pair 0 are the same prompt"));
}

TEST_F(InterchangeRequests, WhoseLogitsOverflowEndTheRun) {
  InterchangeOptions options;
  options.strength = 1e38;
  EXPECT_THAT(message_of<RunError>([&] { exchange(options); }),
              HasSubstr("a logit is not finite after an exchange at 'blocks.0.hook_resid_post'"));
}

TEST_F(InterchangeRequests, ForMoreStepsThanCanBeKeptAreRefused) {
  EXPECT_THAT(refusal({{"steps", "1000001"}}), HasSubstr("at most 1000000"));
}

TEST_F(InterchangeRequests, ForMoreDimensionsThanThereAreAreRefused) {
  EXPECT_THAT(refusal({{"rank", "2"}}),
              HasSubstr("rank is 2, and basis=mean_difference finds one dimension less than there "
                        "are different values in the training pairs (found 2); give a rank of at "
                        "most 1, or at least 3 different values in the training pairs"));
  EXPECT_THAT(refusal({{"rank", "4"}, {"basis", "principal"}}),
              HasSubstr("there are training pairs (found 4); give a rank of at most 3, or at least "
                        "5 training pairs"));
  EXPECT_THAT(refusal({{"rank", "100000"}, {"basis", "random"}}), HasSubstr("the activation has"));
  EXPECT_THAT(refusal({{"basis", "neurons"}, {"neurons", "1,2"}}), HasSubstr("rank is 1"));
  EXPECT_THAT(refusal({{"basis", "neurons"}, {"neurons", "100000"}}), HasSubstr("expected 0 to"));
}

TEST_F(InterchangeRequests, WithOneValueAloneDoNotHaveADifferenceOfMeans) {
  std::string same = lines(8);
  for (std::size_t at; (at = same.find("expected\": 6")) != std::string::npos;)
    same.replace(at, 12, "expected\": 5");
  EXPECT_THAT(refusal({{"controls", "random_basis"}}, same),
              HasSubstr("(found 1), so it finds none; give at least 2 different values in the "
                        "training pairs, or another basis"));
}

TEST_F(InterchangeRequests, WithWhatNoBasisReadsAreRefused) {
  EXPECT_THAT(refusal({{"neurons", "1"}}), HasSubstr("neurons is set"));
  EXPECT_THAT(refusal({{"basis", "probe"}}), HasSubstr("probe is missing"));
}

TEST_F(InterchangeRequests, ForPlacesThatAreNotThereAreRefused) {
  EXPECT_THAT(refusal({{"position", "0,0"}}), HasSubstr("given twice"));
  EXPECT_THAT(refusal({{"layers", "99"}}), HasSubstr("block 99"));
  EXPECT_THAT(refusal({{"hook", "hook_embed"}}), HasSubstr("not in a block"));
  EXPECT_THAT(refusal({{"hook", "blocks.*.hook_resid_*"}}), HasSubstr("one point of each block"));
  EXPECT_THAT(refusal({{"hook", "blocks.*.attn.hook_pattern"}}), HasSubstr("each position"));
}

TEST_F(InterchangeRequests, OfAFileNameFileAndLineOfAPrompt) {
  const std::string same = "{\"base_ids\": [3, 7], \"source_ids\": [3, 7], \"expected\": 5}\n";
  // The empty line counts.
  EXPECT_THAT(refusal({{"position", "2"}}, "\n" + lines(8)),
              HasSubstr("pairs.jsonl:2: base: position 2 is outside the prompt of 2 tokens"));
  EXPECT_THAT(refusal({}, lines(8) + same),
              HasSubstr("pairs.jsonl:9: base and source are the same prompt"));
}

TEST_F(InterchangeRequests, OfTypedPairsNameTheNumberOfThePair) {
  InterchangeOptions options;
  options.position = {2};
  EXPECT_THAT(message_of<UsageError>([&] { exchange(options); }),
              HasSubstr("interchange: base of pair 0: position 2 is outside"));
}

TEST_F(InterchangeRequests, ForPairsThatCannotBeSplitAreRefused) {
  EXPECT_THAT(refusal({}, lines(1)), HasSubstr("pair is left of 1"));
}

TEST_F(InterchangeRequests, TakeDirectionsOfAFileThatTheyMakeOrthonormal) {
  const std::int64_t width = model_->spec().d_model;
  at::Tensor rows = at::eye(width, at::kFloat).narrow(0, 0, 2).clone();
  rows[1].add_(rows[0]).mul_(3.0);  // (3, 3, 0, …), of which (0, 1, 0, …) is new
  const std::string directions = folder_ / "directions.safetensors";
  write_safetensors(directions, std::map<std::string, at::Tensor>{{"direction", rows}});
  InterchangeOptions options;
  options.basis = {"probe"};
  options.rank = 2;
  options.layers = {0};
  options.probe = directions;
  const at::Tensor found = exchange(options)["basis_vectors"].tensor[0][0][0];
  expect_near(found, at::eye(width, at::kDouble).narrow(0, 0, 2), 1e-6);
  options.rank = 3;
  EXPECT_THAT(message_of<UsageError>([&] { exchange(options); }),
              HasSubstr("has 2 directions at 'blocks.0.hook_resid_post' and rank is 3"));
}

TEST_F(InterchangeRequests, OfAMaskedLanguageModelAreRefused) {
  const InterchangeBench bench(Model::open(testing::data_folder() + "/models/bert"));
  EXPECT_THAT(message_of<UsageError>([&] { bench.tool.check_compatible(*bench.model); }),
              HasSubstr("'bert' predicts masked tokens"));
}

TEST_F(InterchangeRequests, OfAFileWithoutChangeAnswerEveryPromptAlike) {
  const Settings settings = {{"pairs", file(lines(8))}, {"layers", "0"}};
  const Dataset first = static_cast<Tool&>(bench_.tool).run(bench_.tokens, settings);
  testing::expect_equal(static_cast<Tool&>(bench_.tool).run(bench_.tokens, settings), first);
  // Another text under the same name is another request.
  file(lines(10));
  EXPECT_EQ(static_cast<Tool&>(bench_.tool).run(bench_.tokens, settings)["part"].tensor.size(0),
            10);
}

}  // namespace
}  // namespace lensbench::interchange
