// Prompts with pictures through the command, with a small Qwen2.5-VL checkpoint. Ids and logits are
// those of transformers (tests/parity/picture_prompt_reference.py).
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>

#include <fstream>

#include "archive/archive_reader.hpp"
#include "checkpoint/weights/safetensors.hpp"
#include "support/command.hpp"
#include "support/picture_samples.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

using testing::copy_data;
using ::testing::ElementsAre;
using testing::picture;
using testing::picture_data;
using testing::picture_model;

std::vector<std::string> asked(const std::string& tool, std::vector<std::string> more) {
  std::vector<std::string> words = {"tool",      tool, "--model", picture_model(),
                                    "--threads", "1",  "--quiet"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

json prompts() {
  return json::parse(testing::slurp(picture_data() + "/prompts.json"));
}

/// The options that give a prompt of the fixture.
std::vector<std::string> prompt_of(const std::string& name) {
  const json one = prompts()[name];
  std::vector<std::string> options = {"--prompt", one["prompt"].get<std::string>()};
  if (const std::string prefix = one["answer_prefix"]; !prefix.empty())
    options.insert(options.end(), {"--answer-prefix", prefix});
  for (const auto& file : one["pictures"])
    options.insert(options.end(), {"--image", picture(file.get<std::string>())});
  return options;
}

at::Tensor expected(const std::string& name) {
  return SafetensorsFile(picture_data() + "/expected.safetensors").tensor(name).clone();
}

std::vector<std::int64_t> numbers(const Dataset& dataset, const std::string& name) {
  const at::Tensor values = dataset[name].tensor.to(at::kLong).contiguous();
  return {values.data_ptr<std::int64_t>(), values.data_ptr<std::int64_t>() + values.numel()};
}

class PicturePrompt : public ::testing::TestWithParam<std::string> {
 protected:
  /// Runs a tool on the prompt.
  ArchiveReader run(const std::string& tool, std::vector<std::string> settings = {}) {
    auto options = prompt_of(GetParam());
    for (const auto& setting : settings) options.insert(options.end(), {"--set", setting});
    const Outcome outcome = run_into(archive, asked(tool, options));
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return ArchiveReader(archive);
  }
  TempDir folder;
  const std::string archive = folder / "a.h5";
};

TEST_P(PicturePrompt, HasTheTextAndTheIdsOfTransformers) {
  const ArchiveReader reader = run("token_analyzer");
  EXPECT_EQ(reader.cases().at(0).text, prompts()[GetParam()]["text"]);
  const at::Tensor ids = at::tensor(reader.cases().at(0).ids, at::kLong);
  EXPECT_TRUE(at::equal(ids, expected(GetParam() + ".ids")));
  EXPECT_TRUE(at::equal(at::tensor(numbers(reader.read("token_analyzer"), "input_id"), at::kLong),
                        expected(GetParam() + ".ids")));
}

// float32 differs between programs by the order of sums: 5e-5 of the largest value, as for text.
TEST_P(PicturePrompt, HasTheLogitsOfTransformers) {
  const ArchiveReader reader = run("activations", {"hooks=unembed.hook_out", "positions=last"});
  const Dataset found = reader.read("activations");
  const at::Tensor logits = found["unembed.hook_out"].tensor.flatten();
  const at::Tensor reference = expected(GetParam() + ".logits");
  ASSERT_EQ(logits.numel(), reference.numel());
  EXPECT_LE(testing::largest_difference(logits, reference),
            5e-5 * std::max(1.0, testing::largest(reference)));
}

// The first generated token has the largest logit of transformers. A run whose receipts fail, such
// as that of cached steps against a whole forward, does not exit with 0.
TEST_P(PicturePrompt, IsContinuedByTheTokenOfTransformers) {
  const ArchiveReader reader = run("token_analyzer", {"max_new_tokens=2"});
  const auto ids = numbers(reader.read("token_analyzer"), "input_id");
  ASSERT_GT(ids.size(), 2U);
  EXPECT_EQ(ids[ids.size() - 2], expected(GetParam() + ".logits").argmax().item<std::int64_t>());
}

TEST_P(PicturePrompt, IsReplayedBitForBit) {
  run("logit_lens");
  const Outcome replay = lensbench({"replay", archive});
  EXPECT_EQ(replay.exit_code, 0) << replay.err;
  EXPECT_THAT(replay.out, HasSubstr("REPLAYED: identical in every bit"));
}

INSTANTIATE_TEST_SUITE_P(Pictures, PicturePrompt, ::testing::Values("one", "turned", "two"));

class Pictures : public ::testing::Test {
 protected:
  Pictures() { copy_data(picture_data() + "/pictures", folder / "pictures"); }

  /// Runs logit_lens with options, with its archive in the folder.
  Outcome lens(std::vector<std::string> options) {
    return run_into(archive, asked("logit_lens", std::move(options)));
  }
  /// Runs it on one picture of the folder.
  void lens_of(const std::string& name) {
    const Outcome outcome =
        lens({"--image", folder / ("pictures/" + name), "--prompt", "What is it?"});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  }

  TempDir folder;
  const std::string archive = folder / "a.h5";
};

TEST_F(Pictures, HaveRowColumnAndRectangleForEachToken) {
  lens_of("odd.png");
  const Dataset found = ArchiveReader(archive).read("picture_tokens");
  // 61 x 45 becomes 56 x 56, 2 x 2 tokens: (61 / 28 = 2.18, 45 / 28 = 1.6).
  EXPECT_THAT(numbers(found, "row"), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(numbers(found, "column"), ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(numbers(found, "image"), ElementsAre(0, 0, 0, 0));
  const auto edges = [&](const char* name) {
    const at::Tensor values = found[name].tensor;
    return std::vector<double>(values.data_ptr<double>(), values.data_ptr<double>() + 4);
  };
  EXPECT_THAT(edges("x0"), ElementsAre(0, 30.5, 0, 30.5));
  EXPECT_THAT(edges("x1"), ElementsAre(30.5, 61, 30.5, 61));
  EXPECT_THAT(edges("y0"), ElementsAre(0, 0, 22.5, 22.5));
  EXPECT_THAT(edges("y1"), ElementsAre(22.5, 22.5, 45, 45));
  const std::int64_t first = numbers(found, "position").front();
  const auto ids = ArchiveReader(archive).cases().at(0).ids;
  EXPECT_NE(ids.at(static_cast<std::size_t>(first) - 1), ids.at(static_cast<std::size_t>(first)));
}

TEST_F(Pictures, ThatPassTheBlocksTogetherHaveTheResultsThatTheyHaveAlone) {
  const auto digest = [&](const char* place) {
    const Outcome outcome =
        lens({"--images", folder / "pictures", "--prompt", "What is it?", "--place", place});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const ArchiveReader reader(archive);
    EXPECT_EQ(reader.run()["weights"], place);
    fs::remove(archive);
    return reader.attribute("results_sha256");
  };
  EXPECT_EQ(digest("stream"), digest("memory"));
}

TEST_F(Pictures, AreInTheRecipeByTheirHashesAndSizes) {
  lens_of("turned.jpg");
  const Dataset recipe = ArchiveReader(archive).recipe();
  EXPECT_THAT(recipe["image_name"].strings, ElementsAre("turned.jpg"));
  const std::string sum =
      testing::run({"/usr/bin/sha256sum", picture("turned.jpg")}).out.substr(0, 64);
  EXPECT_THAT(recipe["image_file_sha256"].strings, ElementsAre(sum));
  EXPECT_THAT(numbers(recipe, "orientation"), ElementsAre(6));
  EXPECT_THAT(numbers(recipe, "stored_width"), ElementsAre(110));
  EXPECT_THAT(numbers(recipe, "upright_width"), ElementsAre(70));
  EXPECT_THAT(numbers(recipe, "upright_height"), ElementsAre(110));
  const json request = ArchiveReader(archive).request();
  EXPECT_EQ(request["pictures"]["max_pixels"], "12544");
  EXPECT_EQ(request["pictures"]["alpha"], "drop");
  // Neither the picture nor its place is in the recipe.
  EXPECT_THAT(request.dump(), Not(HasSubstr(folder.path().string())));
}

TEST_F(Pictures, ThatMovedAreReplayedFromTheirNewFolder) {
  lens_of("odd.png");
  fs::rename(folder / "pictures", folder / "moved");
  const Outcome lost = lensbench({"replay", archive});
  EXPECT_EQ(lost.exit_code, 3);
  EXPECT_THAT(lost.err, AllOf(HasSubstr("'odd.png'"), HasSubstr("--file images=FOLDER")));
  const Outcome replay =
      lensbench({"replay", archive, "--file", "images=" + (folder / "moved").string()});
  EXPECT_EQ(replay.exit_code, 0) << replay.err;
  EXPECT_THAT(replay.out, HasSubstr("identical in every bit"));
}

TEST_F(Pictures, ThatChangedAreRefusedByAReplay) {
  lens_of("odd.png");
  fs::copy_file(picture("turned.jpg"), folder / "pictures/odd.png",
                fs::copy_options::overwrite_existing);
  const Outcome replay = lensbench({"replay", archive});
  EXPECT_EQ(replay.exit_code, 3);
  EXPECT_THAT(replay.err, HasSubstr("cases/prompt-1/pictures/0/image_file_sha256"));
}

TEST_F(Pictures, OfAFolderAreOneCaseEach) {
  std::ofstream(fs::path(folder / "pictures/labels.csv")) << "file,label\nturned.jpg,\"a, b\"\n";
  const Outcome outcome =
      lens({"--images", folder / "pictures", "--prompt", "What is it?", "--answer-prefix", "An "});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const ArchiveReader reader(archive);
  ASSERT_EQ(reader.cases().size(), 2u);
  EXPECT_EQ(reader.cases()[0].id, "odd.png");
  EXPECT_EQ(reader.cases()[1].id, "turned.jpg");
  EXPECT_EQ(json::parse(reader.cases()[1].fields)["label"], "a, b");
  EXPECT_TRUE(at::equal(at::tensor(reader.cases()[1].ids, at::kLong), expected("turned.ids")));
  // Rows of all cases follow each other.
  const Dataset tokens = reader.read("picture_tokens");
  EXPECT_THAT(numbers(tokens, "case").back(), 1);
  EXPECT_EQ(lensbench({"replay", archive}).exit_code, 0);
}

TEST_F(Pictures, OfJsonLinesAreRelativeToTheirFile) {
  std::ofstream(fs::path(folder / "p.jsonl"))
      << R"({"text": "What is it?", "images": "pictures/odd.png"})"
      << "\n"
      << R"({"text": "plain"})"
      << "\n"
      << R"({"raw_prompt": "<|vision_start|><|image_pad|><|vision_end|>x", "images": ["pictures/odd.png"]})"
      << "\n";
  const Outcome outcome = lens({"--prompts", folder / "p.jsonl"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const ArchiveReader reader(archive);
  EXPECT_TRUE(at::equal(at::tensor(reader.cases().at(0).ids, at::kLong), expected("one.ids")));
  EXPECT_EQ(reader.cases().at(1).ids.size(), 5u);  // a token a byte: the text alone
  EXPECT_EQ(reader.cases().at(2).ids.size(), 7u);  // 4 tokens of the picture, two next to it, x
  EXPECT_EQ(lensbench({"replay", archive}).exit_code, 0);
}

TEST_F(Pictures, HaveAsManyTokensAsTheSettingsSay) {
  const Outcome outcome = lens({"--image", picture("turned.jpg"), "--prompt", "x", "--set",
                                "max_pixels=3136", "--set", "resize_order=width_first"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const ArchiveReader reader(archive);
  // 70 x 110 within 3136 pixels: sides of 28 and 56 (44.7 and 70.2, rounded down to 28).
  EXPECT_THAT(numbers(reader.recipe(), "resized_width"), ElementsAre(28));
  EXPECT_THAT(numbers(reader.recipe(), "resized_height"), ElementsAre(56));
  EXPECT_EQ(reader.request()["pictures"]["max_pixels"], "3136");
  EXPECT_EQ(reader.request()["pictures"]["resize_order"], "width_first");
  EXPECT_EQ(lensbench({"replay", archive}).exit_code, 0);
}

TEST_F(Pictures, ThatAreWrongRefuseTheRunBeforeItBegins) {
  const std::string good = picture("odd.png");
  std::ofstream(fs::path(folder / "text.png")) << "not a picture";
  struct Wrong {
    std::vector<std::string> options;
    int exit_code;
    std::string message;
  };
  for (const Wrong& wrong : std::vector<Wrong>{
           {{"--image", folder / "none.png", "--prompt", "x"}, 3, "none.png"},
           {{"--image", good, "--image", folder / "text.png", "--prompt", "x"}, 3, "text.png"},
           {{"--image", good}, 2, "--image needs a text"},
           {{"--image", good, "--prompt", "{image}{image}"}, 2, "2 marks {image}"},
           {{"--prompt", "{image}"}, 2, "no picture is given"},
           {{"--image", good, "--prompt", "a<|image_pad|>"},
            2,
            "placeholder of a picture of its own"},
           {{"--prompt", "a<|image_pad|>"}, 2, "no picture is given"},
           {{"--image", good, "--raw-prompt", "no place"}, 2, "0 placeholders"},
           {{"--image", good, "--raw-prompt", "<|image_pad|>"}, 2, "other neighbours"},
           {{"--image", good, "--raw-prompt", "<|video_pad|>"}, 2, "videos are not supported"},
           {{"--image", good, "--ids", "1 2"}, 2, "has ids"},
           {{"--prompt", "x", "--answer-prefix", "y"}, 2, "--answer-prefix"},
           {{"--images", folder / "pictures"}, 2, "needs one --prompt"},
           {{"--images", folder.path().string() + "/none", "--prompt", "x"}, 3, "is not a folder"},
           {{"--image", good, "--prompt", "x", "--set", "alpha=black"}, 2, "alpha"},
           {{"--image", good, "--prompt", "x", "--set", "max_pixels=5"}, 2, "min_pixels"}}) {
    const Outcome outcome = lens(wrong.options);
    EXPECT_EQ(outcome.exit_code, wrong.exit_code) << wrong.message << ": " << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(wrong.message));
    EXPECT_FALSE(fs::exists(archive));
    EXPECT_FALSE(fs::exists(folder / "a.run"));
  }
}

TEST_F(Pictures, NeedAModelWithATower) {
  for (const std::vector<std::string>& options :
       {std::vector<std::string>{"--image", picture("odd.png")}, {"--set", "max_pixels=3136"}}) {
    std::vector<std::string> words = {"tool", "logit_lens", "--model", kModel, "--prompt", "x"};
    words.insert(words.end(), options.begin(), options.end());
    const Outcome outcome = run_into(archive, words);
    EXPECT_EQ(outcome.exit_code, 2);
    EXPECT_THAT(outcome.err, AllOf(HasSubstr("pictures"), HasSubstr("'gpt2' read text only")));
  }
}

TEST_F(Pictures, AreNotForToolsThatReadWeightsAlone) {
  const Outcome outcome =
      run_into(archive, asked("composition", {"--image", picture("odd.png"), "--prompt", "x"}));
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("tool 'composition'"));
}

// Two cases, whose pictures have 4 and 8 tokens.
TEST_F(Pictures, HaveActivationsOfTheTowerAndOfTheTextModelInOneResult) {
  const Outcome outcome = run_into(
      archive, asked("activations", {"--images", folder / "pictures", "--prompt", "x", "--set",
                                     "hooks=vision_projector.hook_out,vision_projector.hook_in,"
                                     "blocks.0.hook_resid_pre"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const Dataset found = ArchiveReader(archive).read("activations");
  EXPECT_EQ(found["vision_projector.hook_out_case0"].tensor.size(0), 4);
  EXPECT_EQ(found["vision_projector.hook_out_case1"].tensor.size(0), 8);
  EXPECT_EQ(found["vision_projector.hook_in_case1"].tensor.size(0), 32);
  // What the merger makes is what the text model reads at the placeholders of the first case.
  const at::Tensor stream = found["blocks.0.hook_resid_pre"].tensor;
  const at::Tensor ids = at::tensor(ArchiveReader(archive).cases().at(0).ids, at::kLong);
  const std::int64_t begin = ids.eq(261).nonzero()[0].item<std::int64_t>();
  EXPECT_TRUE(at::equal(stream.narrow(0, begin, 4).to(at::kFloat),
                        found["vision_projector.hook_out_case0"].tensor.to(at::kFloat)));
}

// A run whose receipts fail does not exit with 0.
TEST_F(Pictures, CanBeAblatedAndAttributed) {
  for (const std::vector<std::string>& tool :
       std::vector<std::vector<std::string>>{{"activation_patching", "source=zero"},
                                             {"activation_patching", "source=mean_of_prompt"},
                                             {"layer_attribution", "target=model"}}) {
    const std::string other = folder / (tool[0] + tool[1] + ".h5");
    const Outcome outcome = run_into(
        other, asked(tool[0], {"--image", picture("odd.png"), "--prompt", "x", "--set", tool[1]}));
    EXPECT_EQ(outcome.exit_code, 0) << tool[0] << " " << tool[1] << ": " << outcome.err;
  }
}

TEST_F(Pictures, NeedAChatTemplateThatIsKnown) {
  copy_data(picture_model(), folder / "model");
  const auto lens_of_copy = [&](std::vector<std::string> options) {
    std::vector<std::string> words = {"tool", "logit_lens", "--model", folder / "model"};
    words.insert(words.end(), options.begin(), options.end());
    return run_into(archive, words);
  };
  std::ofstream(fs::path(folder / "model/chat_template.jinja")) << "{{ messages }}";
  const Outcome other = lens_of_copy({"--image", picture("odd.png"), "--prompt", "x"});
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_THAT(other.err, AllOf(HasSubstr("chat_template.jinja"), HasSubstr("--raw-prompt")));
  const Outcome raw = lens_of_copy({"--image", picture("odd.png"), "--raw-prompt",
                                    "<|vision_start|><|image_pad|><|vision_end|>What?"});
  EXPECT_EQ(raw.exit_code, 0) << raw.err;
}

TEST_F(Pictures, AreCountedByTokenizeAndModelInfo) {
  const Outcome plain = lensbench({"tokenize", "--model", picture_model(), "--prompt",
                                   "What is it?", "--image", picture("odd.png"), "--json"});
  ASSERT_EQ(plain.exit_code, 0) << plain.err;
  const json line = json::parse(plain.out);
  EXPECT_TRUE(at::equal(at::tensor(line["ids"].get<std::vector<std::int64_t>>(), at::kLong),
                        expected("one.ids")));
  EXPECT_EQ(line["pictures"][0]["tokens"], json({2, 2}));
  const Outcome info =
      lensbench({"model", "info", picture_model(), "--image", picture("turned.jpg")});
  ASSERT_EQ(info.exit_code, 0) << info.err;
  // 12544 pixels are 16 tokens of 28 x 28; 70 x 110 becomes 56 x 112.
  EXPECT_THAT(info.out, AllOf(HasSubstr("4 to 16 tokens each"),
                              HasSubstr("70 x 110 pixels, resized to 56 x 112: 2 x 4 = 8 tokens")));
}

}  // namespace
}  // namespace lensbench
