#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/linspace.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/random_model.hpp"
#include "support/tensors.hpp"

// Names of TransformerBridge and of get_act_name, with what TransformerLens takes them for.

namespace lensbench {
namespace {

using lensbench::testing::message_of;
using lensbench::testing::rows_of;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Names = std::vector<std::string>;

Names names(const TransformerSpec& spec, const std::string& glob) {
  Names found;
  for (const HookPoint& point : match_hook_points(spec, glob)) found.push_back(point.name);
  return found;
}

TEST(HookAliases, MeanThePointsOfTransformerLens) {
  const TransformerSpec spec = small_gpt2_spec();
  EXPECT_THAT(names(spec, "blocks.1.hook_in"), ElementsAre("blocks.1.hook_resid_pre"));
  EXPECT_THAT(names(spec, "blocks.1.hook_out"), ElementsAre("blocks.1.hook_resid_post"));
  EXPECT_THAT(names(spec, "blocks.0.attn.q.hook_out"), ElementsAre("blocks.0.attn.hook_q"));
  EXPECT_THAT(names(spec, "blocks.0.attn.hook_out"), ElementsAre("blocks.0.hook_attn_out"));
  EXPECT_THAT(names(spec, "blocks.0.ln2.hook_in"), ElementsAre("blocks.0.hook_resid_mid"));
  EXPECT_THAT(names(spec, "blocks.0.mlp.hook_in"), ElementsAre("blocks.0.ln2.hook_out"));
  EXPECT_THAT(names(spec, "blocks.0.mlp.hook_out"), ElementsAre("blocks.0.hook_mlp_out"));
  EXPECT_THAT(names(spec, "blocks.0.mlp.in.hook_out"), ElementsAre("blocks.0.mlp.hook_pre"));
  EXPECT_THAT(names(spec, "embed.hook_out"), ElementsAre("hook_embed"));
  EXPECT_THAT(names(spec, "ln_final.hook_out"), ElementsAre("unembed.hook_in"));
}

TEST(HookAliases, OfAGatedMlpTellGateAndLinearBranch) {
  const TransformerSpec spec = small_llama_spec();
  EXPECT_THAT(names(spec, "blocks.0.mlp.gate.hook_out"), ElementsAre("blocks.0.mlp.hook_pre"));
  EXPECT_THAT(names(spec, "blocks.0.mlp.in.hook_out"), ElementsAre("blocks.0.mlp.hook_pre_linear"));
}

TEST(HookAliases, AreMatchedByGlobs) {
  EXPECT_THAT(names(small_gpt2_spec(), "blocks.[02].mlp.hook_o*"),
              ElementsAre("blocks.0.hook_mlp_out", "blocks.2.hook_mlp_out"));
}

TEST(HookAliases, DoNotAddToWhatAGlobOfNamesMatches) {
  for (const std::string& name : names(small_gpt2_spec(), "blocks.0.attn.*"))
    EXPECT_THAT(name, HasSubstr("blocks.0.attn.hook_"));
}

// Gemma normalises what attention made before it is added: the two are not the same tensor.
TEST(HookAliases, DoNotExistWhereTheTensorIsAnother) {
  TransformerSpec spec = small_llama_spec();
  spec.norm_placement = NormPlacement::before_and_after;
  EXPECT_THROW(names(spec, "blocks.0.attn.hook_out"), UsageError);
  EXPECT_THAT(names(spec, "blocks.0.ln1_post.hook_out"), ElementsAre("blocks.0.hook_attn_out"));
}

TEST(HookAliases, AreListedBesideTheName) {
  for (const HookPoint& point : hook_points(small_gpt2_spec()))
    if (point.name == "blocks.2.hook_resid_pre") {
      ASSERT_THAT(point.aliases, Contains("blocks.2.hook_in"));
    }
}

TEST(HookAliases, AreReportedUnderTheNameOfThePoint) {
  const auto model = random_model(small_gpt2_spec(), 1);
  const auto seen = run_with_cache(*model, {rows_of({{1, 2}}), {}}, {"blocks.0.hook_in"}).cache;
  EXPECT_THAT(seen.keys(), ElementsAre("blocks.0.hook_resid_pre"));
}

TEST(ShortHookNames, AreThoseOfGetActName) {
  const TransformerSpec spec = small_gpt2_spec();
  EXPECT_THAT(names(spec, "k2"), ElementsAre("blocks.2.attn.hook_k"));
  EXPECT_THAT(names(spec, "pre2"), ElementsAre("blocks.2.mlp.hook_pre"));
  EXPECT_THAT(names(spec, "scale1ln1"), ElementsAre("blocks.1.ln1.hook_scale"));
  EXPECT_THAT(names(spec, "normalized0ln2"), ElementsAre("blocks.0.ln2.hook_normalized"));
  EXPECT_THAT(names(spec, "attn1"), ElementsAre("blocks.1.attn.hook_pattern"));
  EXPECT_THAT(names(spec, "attn_logits1"), ElementsAre("blocks.1.attn.hook_attn_scores"));
  EXPECT_THAT(names(spec, "value0"), ElementsAre("blocks.0.attn.hook_v"));
  EXPECT_THAT(names(spec, "mlp_post2"), ElementsAre("blocks.2.mlp.hook_post"));
  EXPECT_THAT(names(spec, "scale"), ElementsAre("ln_final.hook_scale"));
  EXPECT_THAT(names(spec, "pos_embed"), ElementsAre("hook_pos_embed"));
}

TEST(ShortHookNames, WithoutALayerMeanEveryBlock) {
  EXPECT_THAT(names(small_gpt2_spec(), "resid_post"),
              ElementsAre("blocks.0.hook_resid_post", "blocks.1.hook_resid_post",
                          "blocks.2.hook_resid_post"));
}

TEST(ShortHookNames, OfALayerThatIsNotThereSayWhichThereAre) {
  EXPECT_THAT(message_of<UsageError>([] { names(small_gpt2_spec(), "k9"); }),
              HasSubstr("layers 0 to 2"));
}

class SplitInputs : public ::testing::TestWithParam<const char*> {
 protected:
  std::shared_ptr<const Model> model_ =
      random_model(GetParam() == std::string("llama") ? small_llama_spec() : small_gpt2_spec(), 5,
                   at::kFloat, 0.3);
  TokenBatch tokens_{rows_of({{3, 1, 4, 1, 5}}), {}};

  at::Tensor read(const std::string& name, const Hooks& hooks = {}) const {
    at::Tensor seen;
    Hooks all = hooks;
    all.read(name, [&](const at::Tensor& x, const HookPoint&) { seen = x; });
    model_->forward(tokens_, {}, all);
    return seen;
  }
};

// TransformerLens makes these copies with use_split_qkv_input: the stream, once a head.
TEST_P(SplitInputs, AreTheStreamOnceAHead) {
  const at::Tensor stream = read("blocks.1.hook_resid_pre");
  for (const char* name :
       {"blocks.1.hook_q_input", "blocks.1.hook_k_input", "blocks.1.hook_v_input"}) {
    const at::Tensor copies = read(name);
    EXPECT_TRUE(copies.equal(stream.unsqueeze(2).expand_as(copies))) << name;
  }
  EXPECT_TRUE(read("blocks.1.hook_mlp_in").equal(read("blocks.1.hook_resid_mid")));
}

TEST_P(SplitInputs, OfOneHeadChangeItsQueryAlone) {
  Hooks hooks;
  hooks.replace("blocks.1.hook_q_input", [](const at::Tensor& x, const HookPoint&) {
    at::Tensor changed = x.clone();
    changed.select(2, 1).mul_(at::linspace(-1, 1, x.size(3)));
    return changed;
  });
  const at::Tensor before = read("blocks.1.attn.hook_q"),
                   after = read("blocks.1.attn.hook_q", hooks);
  const at::Tensor difference = after.sub(before).abs().amax({0, 1, 3});
  for (std::int64_t head = 0; head < difference.size(0); ++head)
    if (head == 1) {
      EXPECT_GT(difference[head].item<double>(), 1e-2);
    } else {  // an equal product by another kernel
      EXPECT_LT(difference[head].item<double>(), 1e-5);
    }
  EXPECT_TRUE(read("blocks.1.attn.hook_k", hooks).equal(read("blocks.1.attn.hook_k")));
}

// All heads given the same other stream must do what attention does with that stream.
TEST_P(SplitInputs, OfAllHeadsDoWhatThatStreamWouldDo) {
  const auto shifted = [](const at::Tensor& x, const HookPoint&) { return x.mul(0.5).add(0.1); };
  Hooks split, whole;
  for (const char* name :
       {"blocks.1.hook_q_input", "blocks.1.hook_k_input", "blocks.1.hook_v_input"})
    split.replace(name, shifted);
  whole.replace("blocks.1.hook_resid_pre", shifted);
  const at::Tensor ours = read("blocks.1.attn.hook_z", split);
  EXPECT_LT(ours.sub(read("blocks.1.attn.hook_z", whole)).abs().max().item<double>(), 1e-5);
}

TEST_P(SplitInputs, ThatAreOnlyReadChangeNothing) {
  const at::Tensor plain = model_->forward(tokens_).logits;
  Hooks hooks;
  for (const char* name : {"*.hook_?_input", "*.hook_mlp_in"})
    hooks.read(name, [](const at::Tensor&, const HookPoint&) {});
  EXPECT_TRUE(model_->forward(tokens_, {}, hooks).logits.equal(plain));
}

INSTANTIATE_TEST_SUITE_P(Families, SplitInputs, ::testing::Values("gpt2", "llama"),
                         [](const auto& param_info) { return std::string(param_info.param); });

TEST(AttentionInput, OfOneHeadChangesWhatThatHeadAdds) {
  const auto model = random_model(small_gpt2_spec(), 5, at::kFloat, 0.3);
  const TokenBatch tokens{rows_of({{3, 1, 4}}), {}};
  const auto result = [&](Hooks hooks) {
    at::Tensor seen;
    hooks.read("blocks.0.attn.hook_result",
               [&](const at::Tensor& x, const HookPoint&) { seen = x; });
    model->forward(tokens, {}, hooks);
    return seen;
  };
  Hooks hooks;
  hooks.replace("blocks.0.hook_attn_in", [](const at::Tensor& x, const HookPoint&) {
    at::Tensor changed = x.clone();
    changed.select(2, 2).mul_(at::linspace(-1, 1, x.size(3)));
    return changed;
  });
  const at::Tensor difference = result(hooks).sub(result({})).abs().amax({0, 1, 3});
  EXPECT_LT(difference.narrow(0, 0, 2).max().item<double>(), 1e-5);
  EXPECT_GT(difference[2].item<double>(), 1e-2);
}

TEST(AttentionInput, IsRefusedWithAReasonWhereHeadsShareKeys) {
  EXPECT_THAT(message_of<UsageError>([] { names(small_llama_spec(), "blocks.0.hook_attn_in"); }),
              HasSubstr("hook_q_input"));
}

}  // namespace
}  // namespace lensbench
