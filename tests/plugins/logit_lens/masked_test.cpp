#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <memory>
#include <string>

#include "logit_lens/logit_lens.hpp"
#include "support/bench.hpp"
#include "support/contexts.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/random_model.hpp"

// The committed BERT samples have no tokenizer: token 7 is used as the mask.

namespace lensbench::lens {
namespace {

using lensbench::testing::message_of;
using ::testing::HasSubstr;

struct MaskedBench : testing::ToolBench<LogitLensTool> {
  explicit MaskedBench(const std::string& sample)
      : ToolBench(Model::open(testing::data_folder() + "/models/" + sample),
                  {2, 11, 7, 23, 7, 31, 3}) {
    options.mask = "7";
  }
  at::Tensor logits() const { return model->forward(make_batch(tokens)).logits[0]; }

  LogitLensOptions options;
};

const at::Tensor kOthers = at::tensor({0, 1, 3, 5, 6}, at::kLong);
const at::Tensor kMasked = at::tensor({2, 4}, at::kLong);

// float32 logits of about one, products of some dozens of terms
constexpr double kRounding = 2e-5;

class LensOfEncoder : public ::testing::TestWithParam<const char*> {
 protected:
  MaskedBench bench{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Families, LensOfEncoder,
                         ::testing::Values("bert", "roberta", "distilbert"),
                         [](const auto& param_info) { return std::string(param_info.param); });

TEST_P(LensOfEncoder, IsTheModelsOwnHeadAtTheLastLayer) {
  const Dataset lens = bench.tool.analyze(bench.tokens, bench.options);
  const auto [top, ids] = bench.logits().topk(10, -1);
  EXPECT_TRUE(at::equal(lens["top_id"].tensor[-1].to(at::kLong), ids));
  EXPECT_LT((lens["top_logit"].tensor[-1] - top).abs().max().item<double>(), kRounding);
  ASSERT_EQ(lens.receipts.size(), 1u);
  EXPECT_TRUE(lens.receipts.front().passed);
}

TEST_P(LensOfEncoder, MarksTheMaskedPositionsAndScoresOnlyThem) {
  const Dataset lens = bench.tool.analyze(bench.tokens, bench.options);
  EXPECT_TRUE(lens["masked"].tensor.to(at::kLong).equal(at::tensor({0, 0, 1, 0, 1, 0, 0})));
  EXPECT_TRUE(lens["target_id"].tensor.index_select(0, kOthers).eq(-1).all().item<bool>());
  EXPECT_TRUE(lens["target_rank"].tensor.index_select(1, kOthers).eq(-1).all().item<bool>());
  for (const char* name : {"target_probability", "target_log_probability", "target_logit"}) {
    EXPECT_TRUE(lens[name].tensor.index_select(1, kOthers).isnan().all().item<bool>()) << name;
    EXPECT_FALSE(lens[name].tensor.index_select(1, kMasked).isnan().any().item<bool>()) << name;
  }
  EXPECT_THAT(std::get<std::string>(lens.attributes.at("scored_positions")), HasSubstr("masked"));
}

TEST_P(LensOfEncoder, ScoresTheModelsOwnChoiceSinceNoTokenFollows) {
  const Dataset lens = bench.tool.analyze(bench.tokens, bench.options);
  EXPECT_EQ(std::get<std::string>(lens.attributes.at("target")), "model");
  EXPECT_TRUE(lens["target_id"]
                  .tensor.to(at::kLong)
                  .index_select(0, kMasked)
                  .equal(bench.logits().argmax(-1).index_select(0, kMasked)));
  EXPECT_TRUE(lens["target_rank"].tensor[-1].index_select(0, kMasked).eq(1).all().item<bool>());
  EXPECT_FALSE(lens.contains("cross_entropy"));
}

TEST_P(LensOfEncoder, ScoresTheOriginalTokenIfItIsGiven) {
  bench.options.target = Target::token(42);
  const Dataset lens = bench.tool.analyze(bench.tokens, bench.options);
  const at::Tensor log_p = bench.logits().log_softmax(-1).select(1, 42);
  EXPECT_LT((lens["target_log_probability"].tensor[-1] - log_p)
                .index_select(0, kMasked)
                .abs()
                .max()
                .item<double>(),
            kRounding);
}

TEST_P(LensOfEncoder, ScoresEveryPositionOfAPromptWithoutMask) {
  bench.options.mask = "50";
  const Dataset lens = bench.tool.analyze(bench.tokens, bench.options);
  EXPECT_FALSE(lens["masked"].tensor.any().item<bool>());
  EXPECT_TRUE(lens["target_id"].tensor.to(at::kLong).equal(bench.logits().argmax(-1)));
  EXPECT_THAT(std::get<std::string>(lens.attributes.at("scored_positions")), HasSubstr("all"));
}

TEST_P(LensOfEncoder, ReachesTheSamePredictionThroughTheRemainingBlocks) {
  const Dataset direct = bench.tool.at_layer(bench.tokens, 2, Target::model(), LensPath::direct);
  const Dataset indirect =
      bench.tool.at_layer(bench.tokens, 1, Target::model(), LensPath::indirect);
  EXPECT_LT((direct["logit"].tensor - indirect["logit"].tensor).abs().max().item<double>(),
            kRounding);
}

TEST_P(LensOfEncoder, ReadsPointsInsideABlock) {
  bench.options.points = {"resid_mid", "attn_out", "mlp_out"};
  const Dataset lens = bench.tool.analyze(bench.tokens, bench.options);
  const auto seen =
      run_with_cache(*bench.model, make_batch(bench.tokens), {"blocks.1.hook_resid_mid"}).cache;
  const at::Tensor logits =
      bench.model->unembed(bench.model->final_norm(seen["blocks.1.hook_resid_mid"][0]));
  EXPECT_LT((lens["resid_mid_top_logit"].tensor[1].select(1, 0) - std::get<0>(logits.max(-1)))
                .abs()
                .max()
                .item<double>(),
            kRounding);
}

TEST(LensOfACausalModel, RefusesAMask) {
  const auto model = random_model(small_gpt2_spec(), 1);
  Context context = testing::context_of(model);
  LogitLensTool tool;
  tool.attach(context);
  LogitLensOptions options;
  options.mask = "7";
  EXPECT_THAT(message_of<UsageError>([&] {
                tool.analyze(tokens_from_ids(*model, {1, 2}), options);
              }),
              HasSubstr("not a masked-language model"));
}

TEST(LensOfAProjectedStream, EqualsTheLogitsAndRefusesTheRawOne) {
  MaskedBench bench("opt-350m");
  bench.options.mask.clear();
  const Dataset lens = bench.tool.analyze(bench.tokens, bench.options);
  EXPECT_TRUE(lens.receipts.front().passed);
  EXPECT_TRUE(
      at::equal(lens["top_id"].tensor[-1].select(1, 0).to(at::kLong), bench.logits().argmax(-1)));
  bench.options.norm = false;
  EXPECT_THAT(message_of<UsageError>([&] { bench.tool.analyze(bench.tokens, bench.options); }),
              HasSubstr("projects the stream"));
}

}  // namespace
}  // namespace lensbench::lens
