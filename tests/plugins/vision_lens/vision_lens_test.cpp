#include "vision_lens/vision_lens.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/error.hpp>
#include <numeric>

#include "framework/model/vision/vision_samples.hpp"
#include "support/bench.hpp"
#include "support/contexts.hpp"
#include "support/embedded_model.hpp"
#include "support/faulty_model.hpp"
#include "support/results.hpp"
#include "vision_lens/continuations.hpp"
#include "vision_lens/controls.hpp"
#include "vision_lens/result.hpp"

namespace lensbench::vision_lens {
namespace {

using ::testing::HasSubstr;
using testing::VisionSample;

/// A random model without a tokenizer, and a prompt with pictures of 2 x 3 and 5 x 2 tokens.
class TwoPictures : public ::testing::Test {
 protected:
  VisionSample sample{"qwen2_5_vl", "two_pictures"};
  testing::ToolBench<VisionLensTool> bench{
      Model::open(testing::data_folder() + "/vision_models/qwen2_5_vl"), {1}};
  Tokens prompt = sample.tokens(*bench.model->spec().vision);

  TwoPictures() { prompt.texts.assign(prompt.ids.size(), "t"); }

  std::string refusal(const VisionLensOptions& options) {
    try {
      bench.tool.analyze(prompt, options, {});
    } catch (const UsageError& error) {
      return error.what();
    }
    return "not refused";
  }

  /// Logits [layer, pos, vocab] in float64: the formulas of RMSNorm and of the unembedding, written
  /// out, on the streams of a forward.
  at::Tensor logits() const {
    const TransformerSpec& spec = bench.model->spec();
    std::vector<at::Tensor> layers(static_cast<std::size_t>(spec.n_layers + 1));
    Hooks hooks;
    for (std::int64_t layer = 0; layer <= spec.n_layers; ++layer)
      hooks.read(residual_hook(spec, layer), [&, layer](const at::Tensor& x, const HookPoint&) {
        layers[static_cast<std::size_t>(layer)] = x[0].to(at::kDouble);
      });
    bench.model->forward(make_batch(prompt), {}, hooks);
    const at::Tensor x = at::stack(layers);
    const at::Tensor gain = bench.model->weight("ln_final.w").to(at::kDouble);
    const at::Tensor normed = x / (x.pow(2).mean(-1, true) + spec.norm.epsilon).sqrt() * gain;
    return normed.matmul(bench.model->unembedding().weight.to(at::kDouble).t());
  }
};

TEST_F(TwoPictures, TokensAreThoseOfThePicturesRowByRow) {
  const Dataset result = bench.tool.analyze(prompt, {}, {{"a.png", "", 30, 20}, {"b", "", 10, 50}});
  const auto ints = [&](const char* name) { return result[name].tensor.to(at::kLong); };
  EXPECT_TRUE(
      ints("image").equal(at::tensor({0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, at::kLong)));
  EXPECT_TRUE(
      ints("row").equal(at::tensor({0, 0, 0, 1, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4}, at::kLong)));
  EXPECT_TRUE(ints("column").equal(
      at::tensor({0, 1, 2, 0, 1, 2, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}, at::kLong)));
  // 30 pixels in 3 columns, 20 in 2 rows; 10 in 2 columns, 50 in 5 rows.
  EXPECT_EQ(result["x1"].tensor[2].item<double>(), 30);
  EXPECT_EQ(result["y0"].tensor[3].item<double>(), 10);
  EXPECT_EQ(result["x0"].tensor[7].item<double>(), 5);
  EXPECT_EQ(result["y1"].tensor[15].item<double>(), 50);
  for (std::int64_t i = 0; i < 16; ++i)
    EXPECT_EQ(prompt.ids[static_cast<std::size_t>(ints("position")[i].item<std::int64_t>())],
              bench.model->spec().vision->image_token_id);
}

TEST_F(TwoPictures, ConceptsAreSumsOfProbabilitiesOfAWholeSoftmax) {
  VisionLensOptions options;
  options.concepts = {{"three", {"9", "4", "17"}}, {"one", {"30"}}};
  const Dataset result = bench.tool.analyze(prompt, options, {});
  const at::Tensor all = logits();
  const at::Tensor places = result["position"].tensor.to(at::kLong);
  const at::Tensor at_pictures = all.index_select(1, places);
  const at::Tensor log_p = at_pictures.log_softmax(-1);
  const at::Tensor ids = at::tensor({9, 4, 17}, at::kLong);
  const at::Tensor three = log_p.index_select(2, ids).exp().sum(-1).log();
  // Float32 streams and products of width 32, logits up to 3.
  EXPECT_LE(
      (result["concept_log_probability"].tensor.select(2, 0) - three).abs().max().item<double>(),
      2e-5);
  EXPECT_LE((result["concept_log_probability"].tensor.select(2, 1) - log_p.select(2, 30))
                .abs()
                .max()
                .item<double>(),
            2e-5);
  const at::Tensor best = std::get<0>(at_pictures.index_select(2, ids).max(-1, true));
  EXPECT_TRUE(result["concept_rank"].tensor.select(2, 0).to(at::kLong).equal(
      at_pictures.gt(best + 1e-6).sum(-1) + 1));
  EXPECT_LE((result["entropy"].tensor.to(at::kDouble) + (log_p.exp() * log_p).sum(-1))
                .abs()
                .max()
                .item<double>(),
            2e-5);
}

TEST_F(TwoPictures, TheAnswerIsReadAtTheLastPosition) {
  VisionLensOptions options;
  options.concepts = {{"two", {"3", "8"}}};
  const Dataset result = bench.tool.analyze(prompt, options, {});
  const at::Tensor log_p = logits().select(1, -1).log_softmax(-1);
  EXPECT_LE((result["answer_concept_log_probability"].tensor.select(1, 0) -
             (log_p.select(1, 3).exp() + log_p.select(1, 8).exp()).log())
                .abs()
                .max()
                .item<double>(),
            2e-5);
  const at::Tensor last = log_p[-1];
  EXPECT_LE((result["answer_kl_final_to_layer"].tensor.to(at::kDouble) -
             (last.exp() * (last - log_p)).sum(-1))
                .abs()
                .max()
                .item<double>(),
            2e-5);
}

TEST_F(TwoPictures, ChosenLayersAndTokensHaveTheValuesOfAll) {
  VisionLensOptions options;
  options.concepts = {{"two", {"3", "8"}}};
  const Dataset all = bench.tool.analyze(prompt, options, {});
  options.layers = {2, 0};
  options.every = 4;
  const Dataset some = bench.tool.analyze(prompt, options, {});
  EXPECT_TRUE(some["layer"].tensor.to(at::kLong).equal(at::tensor({0, 2}, at::kLong)));
  EXPECT_EQ(some["layer_label"].strings, (std::vector<std::string>{"embed", "1_resid_post"}));
  // Tokens 0 and 4 of the first picture, 0, 4 and 8 of the second.
  const at::Tensor tokens = at::tensor({0, 4, 6, 10, 14}, at::kLong);
  EXPECT_TRUE(some["position"].tensor.equal(all["position"].tensor.index_select(0, tokens)));
  const auto part = [&](const char* name) {
    return all[name].tensor.index_select(0, at::tensor({0, 2}, at::kLong)).index_select(1, tokens);
  };
  EXPECT_TRUE(some["concept_log_probability"].tensor.equal(part("concept_log_probability")));
  EXPECT_TRUE(some["top_id"].tensor.equal(part("top_id")));
  EXPECT_TRUE(some["answer_entropy"].tensor.equal(
      all["answer_entropy"].tensor.index_select(0, at::tensor({0, 2}, at::kLong))));
}

TEST_F(TwoPictures, TheStreamIsStoredOnRequest) {
  VisionLensOptions options;
  EXPECT_FALSE(bench.tool.analyze(prompt, options, {}).contains("residual"));
  options.residual = true;
  options.layers = {1};
  const Dataset result = bench.tool.analyze(prompt, options, {});
  at::Tensor stream;
  Hooks hooks;
  hooks.read("blocks.0.hook_resid_post",
             [&](const at::Tensor& x, const HookPoint&) { stream = x[0].clone(); });
  bench.model->forward(make_batch(prompt), {}, hooks);
  EXPECT_TRUE(result["residual"].tensor[0].equal(
      stream.index_select(0, result["position"].tensor.to(at::kLong))));
}

// Each text in a whole forward of its own, without a cache.
TEST_F(TwoPictures, TextsAfterThePromptAreSumsOverTheirTokens) {
  const std::vector<std::vector<std::int64_t>> texts = {{7}, {3, 9, 11}};
  std::vector<std::int64_t> layers(static_cast<std::size_t>(bench.model->spec().n_layers + 1));
  std::iota(layers.begin(), layers.end(), 0);
  const at::Tensor sums = score_continuations(*bench.model, prompt, texts, layers).log_probability;
  const auto length = static_cast<std::int64_t>(prompt.ids.size());
  const Tokens question = prompt;
  for (std::size_t text = 0; text < texts.size(); ++text) {
    prompt = question;
    prompt.ids.insert(prompt.ids.end(), texts[text].begin(), texts[text].end());
    const at::Tensor log_p = logits().log_softmax(-1);
    at::Tensor expected = at::zeros({log_p.size(0)}, at::kDouble);
    for (std::size_t j = 0; j < texts[text].size(); ++j)
      expected +=
          log_p.select(1, length - 1 + static_cast<std::int64_t>(j)).select(1, texts[text][j]);
    // Three float32 log-probabilities of size 4.
    EXPECT_LE(
        (sums.select(1, static_cast<std::int64_t>(text)) - expected).abs().max().item<double>(),
        3e-5);
  }
}

// Each control in a run of its own.
TEST_F(TwoPictures, ControlsAreTheAnswersToOtherPrompts) {
  VisionLensOptions options;
  options.concepts = {{"two", {"3", "8"}}};
  Tokens other = prompt;
  for (PictureRows& picture : other.pictures) picture.rows = picture.rows.neg();
  ContextAccess::set_reference_prompts(bench.context, [&] {
    return std::vector<Tokens>{prompt, other};
  });
  const Dataset result = bench.tool.analyze(prompt, options, {});
  EXPECT_EQ(result["control"].strings,
            (std::vector<std::string>{"no_picture", "other_picture", "shuffled_patches"}));
  const VisionSpec& vision = *bench.model->spec().vision;
  const std::vector<Tokens> prompts = {without_pictures(vision, prompt), other,
                                       with_shuffled_patches(vision, prompt, 0)};
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const Dataset alone = bench.tool.answer(prompts[i], options);
    const auto control = static_cast<std::int64_t>(i);
    EXPECT_TRUE(result["control_log_probability"].tensor[control].equal(
        alone["answer_concept_log_probability"].tensor));
    EXPECT_TRUE(result["control_rank"].tensor[control].equal(alone["answer_concept_rank"].tensor));
    EXPECT_TRUE(result["control_onset"].tensor[control].equal(alone["onset"].tensor));
    EXPECT_FALSE(result["control_log_probability"].tensor[control].equal(
        result["answer_concept_log_probability"].tensor));
  }
}

TEST_F(TwoPictures, ARunWithoutAnotherPictureLeavesItsControlOut) {
  VisionLensOptions options;
  options.concepts = {{"two", {"3", "8"}}};
  EXPECT_EQ(bench.tool.analyze(prompt, options, {})["control"].strings,
            (std::vector<std::string>{"no_picture", "shuffled_patches"}));
}

TEST_F(TwoPictures, PromptsWithoutPicturesAreOnlyAnswered) {
  Tokens text = tokens_from_ids(*bench.model, {1, 5, 7});
  EXPECT_THROW(bench.tool.analyze(text, {}, {}), UsageError);
  const Dataset result = bench.tool.answer(text, {});
  EXPECT_TRUE(result.contains("answer_entropy"));
  EXPECT_FALSE(result.contains("entropy"));
  for (const Receipt& receipt : result.receipts) EXPECT_TRUE(receipt.passed) << receipt.name;
}

// The stream of the last layer is read otherwise than the forward has it.
TEST_F(TwoPictures, TheReceiptFailsForAStreamThatIsNotTheOneOfTheModel) {
  const std::string last = residual_hook(bench.model->spec(), bench.model->spec().n_layers);
  testing::Faults faults;
  faults.read = [last](const at::Tensor& right, const HookPoint& point) {
    return point.name == last ? testing::slightly_off(right) : at::Tensor();
  };
  testing::ToolBench<VisionLensTool> other(testing::faulty(bench.model, faults), {1});
  testing::expect_fails(other.tool.analyze(prompt, {}, {}), "lens_last_layer_equals_logits");
}

TEST_F(TwoPictures, WrongOptionsAreRefusedByName) {
  VisionLensOptions options;
  options.layers = {9};
  EXPECT_THAT(refusal(options), HasSubstr("a layer is 9"));
  options = {};
  options.top_k = 0;
  EXPECT_THAT(refusal(options), HasSubstr("top_k is 0"));
  options = {};
  options.concepts = {{"a", {"1000000"}}};
  EXPECT_THAT(refusal(options), HasSubstr("id 1000000 is not a token"));
  options.concepts = {{"a", {"eye"}}};
  EXPECT_THAT(refusal(options), HasSubstr("does not have a tokenizer that reads 'eye'"));
  options.concepts = {{"a", {"1"}}, {"a", {"2"}}};
  EXPECT_THAT(refusal(options), HasSubstr("concept 'a' is given twice"));
  options = {};
  options.answers = {"yes"};
  EXPECT_THAT(refusal(options), HasSubstr("answers need a tokenizer"));
}

TEST(VisionLens, ModelsWithoutATowerAreRefused) {
  VisionLensTool tool;
  EXPECT_THROW(tool.check_compatible(*Model::open(testing::kModel)), UsageError);
}

TEST(VisionLens, OnsetIsTheFirstLayerFromWhichTheRankStaysWithinTheLimit) {
  // Rows are layers: the first concept has the ranks 9, 2, 1, 2, the second 1, 5, 2, 2, the third
  // 1, 1, 1, 3.
  const at::Tensor ranks = at::tensor({9, 1, 1, 2, 5, 1, 1, 2, 1, 2, 2, 3}, at::kInt).view({4, 3});
  EXPECT_EQ(onsets(ranks, 2), (std::vector<std::int64_t>{1, 2, -1}));
}

TEST(VisionLens, OnsetLeavesOutALayerThatFallsBack) {
  EXPECT_EQ(onsets(at::tensor({1, 7, 1}, at::kInt).view({3, 1}), 5),
            (std::vector<std::int64_t>{2}));
}

}  // namespace
}  // namespace lensbench::vision_lens
