#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/generation.hpp>
#include <lensbench/model.hpp>
#include <string>

#include "support/error_matchers.hpp"
#include "support/sample_models.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

using lensbench::testing::largest_difference;
using lensbench::testing::message_of;
using lensbench::testing::sample;
using ::testing::HasSubstr;

TokenBatch nine_tokens() {
  return {at::arange(11, 20, at::kLong).unsqueeze(0), {}};
}

// float32 sums of some tens of terms of about one, possibly in another order
constexpr double kRounding = 2e-5;

class Encoder : public ::testing::TestWithParam<const char*> {
 protected:
  std::shared_ptr<const Model> model_ = sample(GetParam());
};

TEST_P(Encoder, ReadsItsLogitsFromTheStreamWithItsOwnHead) {
  const std::string last = residual_hook(model_->spec(), model_->spec().n_layers);
  const auto seen = run_with_cache(*model_, nine_tokens(), {last}).cache;
  EXPECT_LT(largest_difference(model_->unembed(model_->final_norm(seen[last])),
                               model_->forward(nine_tokens()).logits),
            kRounding);
}

TEST_P(Encoder, GivesTheStreamBehindTheLastNormAsResidual) {
  const std::string last = residual_hook(model_->spec(), model_->spec().n_layers);
  const auto seen = run_with_cache(*model_, nine_tokens(), {last}).cache;
  EXPECT_TRUE(model_->forward(nine_tokens()).residual.equal(seen[last]));
}

TEST_P(Encoder, ContinuesFromAnyLayer) {
  ForwardOptions options;
  options.stop_at_layer = 1;
  const at::Tensor residual = model_->forward(nine_tokens(), options).residual;
  ForwardOptions rest;
  rest.start_at_layer = 1;
  rest.residual = residual;
  EXPECT_LT(largest_difference(model_->forward(nine_tokens(), rest).logits,
                               model_->forward(nine_tokens()).logits),
            kRounding);
}

// BertBlock of TransformerLens: resid_mid = resid_pre + attn_out; resid_post = ln1(resid_mid) +
// mlp_out; normalized_resid_post = ln2(resid_post) goes into the next block.
TEST_P(Encoder, NamesTheSumsBeforeTheirNorms) {
  const auto seen = run_with_cache(*model_, nine_tokens(), {"blocks.*", "hook_full_embed"}).cache;
  const auto at_block = [&](int layer, const std::string& name) {
    return seen["blocks." + std::to_string(layer) + "." + name];
  };
  const auto normed = [&](int layer, const std::string& ln) {
    const std::string name = "blocks." + std::to_string(layer) + "." + ln;
    return seen[name + ".hook_normalized"] * model_->weight(name + ".w") +
           model_->weight(name + ".b");
  };
  EXPECT_TRUE(at_block(0, "hook_resid_pre").equal(seen["hook_full_embed"]));
  EXPECT_TRUE(at_block(1, "hook_resid_pre").equal(at_block(0, "hook_normalized_resid_post")));
  for (const int layer : {0, 1}) {
    EXPECT_LT(
        largest_difference(at_block(layer, "hook_resid_mid"),
                           at_block(layer, "hook_resid_pre") + at_block(layer, "hook_attn_out")),
        kRounding);
    EXPECT_LT(largest_difference(at_block(layer, "hook_resid_post"),
                                 normed(layer, "ln1") + at_block(layer, "hook_mlp_out")),
              kRounding);
    EXPECT_LT(
        largest_difference(at_block(layer, "hook_normalized_resid_post"), normed(layer, "ln2")),
        kRounding);
  }
}

TEST_P(Encoder, LetsEveryPositionSeeEveryOther) {
  TokenBatch changed = nine_tokens();
  changed.ids[0][8] = 1;
  const at::Tensor before = model_->forward(nine_tokens()).logits[0][0];
  EXPECT_GT(largest_difference(before, model_->forward(changed).logits[0][0]), 1e-3);
}

TEST_P(Encoder, IsNotChangedByPadding) {
  TokenBatch padded{at::cat({at::full({1, 3}, 1, at::kLong), nine_tokens().ids}, 1), {}};
  padded.mask = at::arange(12).ge(3).unsqueeze(0);
  const at::Tensor logits = model_->forward(padded).logits.narrow(1, 3, 9);
  EXPECT_LT(largest_difference(logits, model_->forward(nine_tokens()).logits), kRounding);
}

TEST_P(Encoder, HasNoCacheAndGeneratesNothing) {
  KeyValueCache cache;
  ForwardOptions options;
  options.cache = &cache;
  EXPECT_THAT(message_of<UsageError>([&] { model_->forward(nine_tokens(), options); }),
              HasSubstr("without a cache"));
  EXPECT_THAT(message_of<UsageError>([&] {
                generate(*model_, tokens_from_ids(*model_, {5, 6}), {});
              }),
              HasSubstr("masked-language model"));
}

INSTANTIATE_TEST_SUITE_P(Families, Encoder, ::testing::Values("bert", "roberta", "distilbert"),
                         [](const auto& param_info) { return std::string(param_info.param); });

TEST(TokenTypes, AddTheirRowOfTheTable) {
  const auto model = sample("bert");
  const at::Tensor table = model->weight("embed.token_type_embed.W_token_type");
  TokenBatch tokens = nine_tokens();
  tokens.types = at::arange(9).ge(4).to(at::kLong).unsqueeze(0);
  const auto seen = run_with_cache(*model, tokens,
                                   {"hook_embed", "hook_pos_embed", "embed.hook_token_type_embed",
                                    "embed.ln.hook_normalized"})
                        .cache;
  const at::Tensor types = seen["embed.hook_token_type_embed"][0];
  EXPECT_TRUE(types[3].equal(table[0]));
  EXPECT_TRUE(types[4].equal(table[1]));
  const at::Tensor sum = seen["hook_embed"] + seen["hook_pos_embed"] + types;
  EXPECT_LT(largest_difference(seen["embed.ln.hook_normalized"],
                               at::layer_norm(sum, {24}, {}, {}, 1e-12)),
            kRounding);
}

TEST(TokenTypes, AreAllTheFirstUnlessGiven) {
  const auto model = sample("bert");
  TokenBatch tokens = nine_tokens();
  tokens.types = at::zeros({1, 9}, at::kLong);
  EXPECT_LT(largest_difference(model->forward(tokens).logits, model->forward(nine_tokens()).logits),
            kRounding);
}

TEST(TokenTypes, AreRefusedWhereTheyMeanNothing) {
  TokenBatch tokens = nine_tokens();
  tokens.types = at::full({1, 9}, 2, at::kLong);
  EXPECT_THAT(message_of<UsageError>([&] { sample("bert")->forward(tokens); }),
              HasSubstr("from 0 to 1"));
  EXPECT_THAT(message_of<UsageError>([&] { sample("distilbert")->forward(tokens); }),
              HasSubstr("lack them"));
}

TEST(HookPoints, OfABlockWithOneNormSayWhyTheOthersAreAbsent) {
  const auto model = sample("gptj");
  EXPECT_THAT(
      message_of<UsageError>([&] { match_hook_points(model->spec(), "blocks.0.hook_resid_mid"); }),
      HasSubstr("in parallel"));
  EXPECT_THAT(
      message_of<UsageError>([&] { match_hook_points(model->spec(), "blocks.0.ln2.hook_scale"); }),
      HasSubstr("share the norm"));
}

TEST(HookPoints, OfBloomHaveTheNormBeforeTheEmbeddingHook) {
  const auto model = sample("bloom");
  const auto seen =
      run_with_cache(*model, nine_tokens(),
                     {"embed.ln.hook_normalized", "hook_embed", "blocks.0.hook_resid_pre"})
          .cache;
  const at::Tensor normed =
      seen["embed.ln.hook_normalized"] * model->weight("embed.ln.w") + model->weight("embed.ln.b");
  EXPECT_LT(largest_difference(seen["hook_embed"], normed), kRounding);
  EXPECT_TRUE(seen["blocks.0.hook_resid_pre"].equal(seen["hook_embed"]));
}

}  // namespace
}  // namespace lensbench
