#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <memory>
#include <string>
#include <vector>

#include "support/error_matchers.hpp"
#include "support/random_model.hpp"
#include "support/temp_dir.hpp"
#include "support/tensors.hpp"

namespace lensbench {
namespace {

using lensbench::testing::message_of;
using lensbench::testing::rows_of;
using lensbench::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Cache : public ::testing::Test {
 protected:
  std::shared_ptr<const Model> model_ = random_model(small_gpt2_spec(), 4, at::kFloat, 0.3);
  TokenBatch tokens_{rows_of({{3, 1, 4, 1}, {5, 9, 2, 6}}), {}};
  std::map<std::string, at::Tensor> all_ = run_with_cache(*model_, tokens_, {"*"});
};

TEST_F(Cache, HoldsWhatTheHooksSaw) {
  const ActivationCache cache(*model_, tokens_, {"*"});
  EXPECT_EQ(cache.names().size(), all_.size());
  EXPECT_EQ(cache.spilled_bytes(), 0);
  for (const auto& [name, activation] : all_) EXPECT_TRUE(cache[name].equal(activation)) << name;
}

TEST_F(Cache, TakesAliasesAndShortNames) {
  const ActivationCache cache(*model_, tokens_, {"resid_post", "k"});
  EXPECT_TRUE(cache["blocks.1.hook_out"].equal(all_.at("blocks.1.hook_resid_post")));
  EXPECT_TRUE(cache["k2"].equal(all_.at("blocks.2.attn.hook_k")));
  EXPECT_FALSE(cache.contains("q2"));
  EXPECT_THAT(message_of<UsageError>([&] { cache["q2"]; }), HasSubstr("was not cached"));
  EXPECT_THAT(message_of<UsageError>([&] { cache["resid_post"]; }), HasSubstr("3 hook points"));
}

TEST_F(Cache, SpillsBeyondItsBudgetWithoutLosingABit) {
  const TempDir folder;
  ActivationCacheOptions options;
  options.memory_bytes = 4096;
  options.folder = folder.path();
  at::Tensor kept;
  {
    const ActivationCache cache(*model_, tokens_, {"*"}, options);
    EXPECT_LE(cache.held_bytes(), 4096);
    EXPECT_GT(cache.spilled_bytes(), 0);
    for (const auto& [name, activation] : all_) EXPECT_TRUE(cache[name].equal(activation)) << name;
    kept = cache["blocks.2.hook_resid_post"];
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));  // the file has no name
  }
  EXPECT_TRUE(kept.equal(all_.at("blocks.2.hook_resid_post")));
}

TEST_F(Cache, OfAPartDoesNotKeepTheWholeAlive) {
  const ActivationCache cache(*model_, tokens_, {"blocks.0.attn.hook_q"});
  EXPECT_EQ(cache.held_bytes(), 2 * 4 * 24 * 4);  // not the fused queries, keys and values
}

TEST_F(Cache, InFloat16TakesHalfTheBytesAndGivesTheDtypeBack) {
  ActivationCacheOptions options;
  options.float16 = true;
  const ActivationCache whole(*model_, tokens_, {"resid_post"}),
      half(*model_, tokens_, {"resid_post"}, options);
  EXPECT_EQ(2 * half.held_bytes(), whole.held_bytes());
  const at::Tensor exact = all_.at("blocks.0.hook_resid_post");
  EXPECT_TRUE(half["blocks.0.hook_resid_post"].equal(exact.to(at::kHalf).to(at::kFloat)));
}

TEST_F(Cache, AccumulatesTheResidualStream) {
  const ActivationCache cache(*model_, tokens_, {"resid_pre", "resid_mid", "resid_post"});
  const LabelledStack stack = cache.accumulated_residual();
  EXPECT_THAT(stack.labels, ElementsAre("0_pre", "1_pre", "2_pre", "final_post"));
  EXPECT_TRUE(stack.values[1].equal(all_.at("blocks.0.hook_resid_post")));
  EXPECT_TRUE(stack.values[3].equal(all_.at("blocks.2.hook_resid_post")));
  EXPECT_THAT(cache.accumulated_residual(1, true).labels, ElementsAre("0_pre", "0_mid", "1_pre"));
}

// Sums of a dozen float32 of size about 1, in another order.
constexpr double kSum = 1e-5;

TEST_F(Cache, DecomposesTheStreamIntoWhatWasAdded) {
  const ActivationCache cache(*model_, tokens_, {"*embed", "attn_out", "mlp_out", "result"});
  const LabelledStack parts = cache.decomposed_residual(2);
  EXPECT_THAT(parts.labels, ElementsAre("embed", "pos_embed", "0_attn_out", "0_mlp_out",
                                        "1_attn_out", "1_mlp_out"));
  const at::Tensor stream = all_.at("blocks.2.hook_resid_pre");
  EXPECT_LT((parts.values.sum(0) - stream).abs().max().item<double>(), kSum);
  const LabelledStack heads = cache.decomposed_residual(2, true);
  EXPECT_EQ(heads.labels[2], "L0H0");
  EXPECT_EQ(heads.labels.back(), "bias");
  EXPECT_LT((heads.values.sum(0) - stream).abs().max().item<double>(), kSum);
}

TEST_F(Cache, StacksHeadsByLayerThenHead) {
  const ActivationCache cache(*model_, tokens_, {"result"});
  const LabelledStack heads = cache.head_results();
  EXPECT_EQ(heads.values.sizes(), (std::vector<std::int64_t>{9, 2, 4, 24}));
  EXPECT_EQ(heads.labels[5], "L1H2");
  EXPECT_TRUE(heads.values[5].equal(all_.at("blocks.1.attn.hook_result").select(2, 2)));
}

TEST_F(Cache, SaysWhatIsMissingForAStack) {
  const ActivationCache cache(*model_, tokens_, {"resid_pre"});
  EXPECT_THAT(message_of<UsageError>([&] { cache.head_results(); }),
              HasSubstr("blocks.0.attn.hook_result"));
}

}  // namespace
}  // namespace lensbench
