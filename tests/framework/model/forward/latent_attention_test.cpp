#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/weights/safetensors.hpp"
#include "model/forward/kv_cache.hpp"
#include "support/error_matchers.hpp"
#include "support/folders.hpp"
#include "support/tensors.hpp"

// Latent attention of DeepSeek (arXiv:2405.04434): what a cache holds, and the points between the
// latent vectors and the heads.

namespace lensbench {
namespace {

using lensbench::testing::largest_difference;
using lensbench::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Float32 sums in another order, of values of size 1 to 10.
constexpr double kOtherOrder = 2e-5;

class LatentAttentionOf : public ::testing::TestWithParam<const char*> {
 protected:
  std::map<std::string, at::Tensor> seen(const std::string& glob) const {
    const auto items = run_with_cache(*model_, tokens_, {glob}).cache.items();
    return {items.begin(), items.end()};
  }
  at::Tensor weight(const std::string& name) const { return model_->weight("blocks.1." + name); }
  const LatentAttention& latent() const { return *model_->spec().latent; }

  std::string folder_ = testing::data_folder() + "/models/" + GetParam();
  std::shared_ptr<const Model> model_ = Model::open(folder_);
  TokenBatch tokens_{
      SafetensorsFile(folder_ + "/expected.safetensors").tensor("ids").narrow(1, 0, 12).clone(),
      {}};
};

TEST_P(LatentAttentionOf, CachesVectorsAndRotatedPartsAlone) {
  KeyValueCache cache;
  ForwardOptions options;
  options.cache = &cache;
  model_->forward(tokens_, options);
  for (const auto& layer : CacheAccess::state(cache).layers) {
    EXPECT_EQ(layer.keys.size(1), 1);
    EXPECT_EQ(layer.keys.size(3), latent().key_value_rank);
    EXPECT_EQ(layer.values.size(1), 1);
    EXPECT_EQ(layer.values.size(3), latent().d_rotary);
    EXPECT_EQ(layer.keys.size(3) + layer.values.size(3), model_->spec().cached_width());
  }
}

TEST_P(LatentAttentionOf, GivesTheLogitsOfAWholeForwardThroughACache) {
  const at::Tensor whole = model_->forward(tokens_).logits;
  KeyValueCache cache;
  ForwardOptions options;
  options.cache = &cache;
  std::vector<at::Tensor> parts;
  std::int64_t begin = 0;
  for (const std::int64_t count : {7, 3, 1, 1}) {
    parts.push_back(model_->forward({tokens_.ids.narrow(1, begin, count), {}}, options).logits);
    begin += count;
  }
  EXPECT_LT(largest_difference(at::cat(parts, 1), whole), kOtherOrder);
}

// k = [W_K c, r] and v = W_V c for the vector c and the rotated part r, which heads share.
TEST_P(LatentAttentionOf, MakesKeysAndValuesOfTheVector) {
  const auto all = seen("blocks.1.attn.hook_*");
  const std::int64_t heads = model_->spec().attention.n_heads;
  const at::Tensor made =
      at::matmul(all.at("blocks.1.attn.hook_kv_latent"), weight("attn.kv_b_proj.W"))
          .view({1, 12, heads, -1});
  const std::int64_t fixed = made.size(3) - latent().d_value;
  const at::Tensor rotated = all.at("blocks.1.attn.hook_rot_k").unsqueeze(2);
  const at::Tensor keys =
      at::cat({made.narrow(3, 0, fixed), rotated.expand({-1, -1, heads, -1})}, -1);
  EXPECT_LT(largest_difference(keys, all.at("blocks.1.attn.hook_k")), kOtherOrder);
  EXPECT_LT(
      largest_difference(made.narrow(3, fixed, latent().d_value), all.at("blocks.1.attn.hook_v")),
      kOtherOrder);
}

TEST_P(LatentAttentionOf, KeepsAReplacedVectorInTheCache) {
  Hooks hooks;
  hooks.replace("blocks.0.attn.hook_kv_latent",
                [](const at::Tensor& x, const HookPoint&) { return x * 2.0; });
  const at::Tensor whole = model_->forward(tokens_, {}, hooks).logits;
  KeyValueCache cache;
  ForwardOptions options;
  options.cache = &cache;
  model_->forward({tokens_.ids.narrow(1, 0, 11), {}}, options, hooks);
  const at::Tensor last =
      model_->forward({tokens_.ids.narrow(1, 11, 1), {}}, options, hooks).logits;
  EXPECT_LT(largest_difference(last, whole.narrow(1, 11, 1)), kOtherOrder);
}

TEST_P(LatentAttentionOf, RefusesReplacedKeysInAForwardWithACache) {
  KeyValueCache cache;
  ForwardOptions options;
  options.cache = &cache;
  Hooks hooks;
  hooks.replace("blocks.0.attn.hook_k",
                [](const at::Tensor& x, const HookPoint&) { return x * 2.0; });
  EXPECT_THAT(message_of<UsageError>([&] { model_->forward(tokens_, options, hooks); }),
              AllOf(HasSubstr("blocks.0.attn.hook_k"), HasSubstr("hook_kv_latent")));
  EXPECT_EQ(cache.length(), 0);
}

TEST_P(LatentAttentionOf, DoesNotHaveMatricesOfSingleHeads) {
  EXPECT_THAT(message_of<UsageError>([&] { weight("attn.W_K"); }),
              AllOf(HasSubstr(model_->spec().family), HasSubstr("kv_b_proj")));
  const std::string queries = latent().query_rank > 0 ? "attn.q_b_proj.W" : "attn.q_proj.W";
  EXPECT_THAT(message_of<UsageError>([&] { weight("attn.W_Q"); }), HasSubstr(queries));
  EXPECT_TRUE(weight(queries).defined());
  EXPECT_EQ(weight("attn.W_O").size(1), latent().d_value);
}

TEST_P(LatentAttentionOf, HasADenseFirstBlockAndThenExperts) {
  EXPECT_EQ(match_hook_points(model_->spec(), "blocks.*.mlp.hook_post").size(), 1U);
  EXPECT_EQ(match_hook_points(model_->spec(), "blocks.*.mlp.hook_expert_indices").size(), 2U);
  EXPECT_THAT(message_of<UsageError>(
                  [&] { match_hook_points(model_->spec(), "blocks.0.mlp.hook_router_scores"); }),
              HasSubstr("this block is not a mixture"));
}

INSTANTIATE_TEST_SUITE_P(Samples, LatentAttentionOf,
                         ::testing::Values("deepseek_v2", "deepseek_v2-lite", "deepseek_v3"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

// -- which experts a token may reach (arXiv:2412.19437, section 2.1.2)

at::Tensor chosen_by(const char* sample, const std::string& point) {
  const std::string folder = testing::data_folder() + "/models/" + sample;
  const at::Tensor ids = SafetensorsFile(folder + "/expected.safetensors").tensor("ids").clone();
  return run_with_cache(*Model::open(folder), {ids, {}}, {"blocks.2.mlp." + point})
      .cache["blocks.2.mlp." + point];
}

// Of six experts in three groups, a token's two come from at most two groups: this holds for any
// pair, so the sharper statement is compared: no expert of a left-out group scores higher by group.
TEST(DeepSeekRouting, GroupsRankByTheirBestExpertsInV2) {
  const at::Tensor scores = chosen_by("deepseek_v2", "hook_expert_weights");
  const at::Tensor chosen = chosen_by("deepseek_v2", "hook_expert_indices");
  for (std::int64_t row = 0; row < scores.size(0); ++row) {
    std::vector<double> best(3, 0.0);
    for (std::int64_t expert = 0; expert < 6; ++expert)
      best[static_cast<std::size_t>(expert / 2)] =
          std::max(best[static_cast<std::size_t>(expert / 2)], scores[row][expert].item<double>());
    const auto worst = std::min_element(best.begin(), best.end()) - best.begin();
    for (std::int64_t k = 0; k < 2; ++k)
      EXPECT_NE(chosen[row][k].item<std::int64_t>() / 2, worst) << row;
  }
}

TEST(DeepSeekRouting, ScoresAreSigmoidsInV3) {
  const at::Tensor raw = chosen_by("deepseek_v3", "hook_router_scores");
  const at::Tensor scores = chosen_by("deepseek_v3", "hook_expert_weights");
  EXPECT_LT(largest_difference(raw.neg().exp().add(1.0).reciprocal(), scores), 1e-6);
}

}  // namespace
}  // namespace lensbench
