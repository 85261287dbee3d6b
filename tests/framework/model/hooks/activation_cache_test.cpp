#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <map>
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
  /// All activations as a hook of the forward sees them.
  std::map<std::string, at::Tensor> all_ = [this] {
    std::map<std::string, at::Tensor> seen;
    Hooks hooks;
    hooks.read("*", [&](const at::Tensor& x, const HookPoint& point) { seen[point.name] = x; });
    model_->forward(tokens_, {}, hooks);
    return seen;
  }();

  ActivationCache cache(const std::vector<std::string>& names,
                        const ActivationCacheOptions& options = {}) const {
    return run_with_cache(*model_, tokens_, names, {}, options).cache;
  }
};

TEST_F(Cache, HoldsWhatTheHooksSaw) {
  const auto [logits, cache] = run_with_cache(*model_, tokens_, {"*"});
  EXPECT_TRUE(logits.equal(all_.at("unembed.hook_out")));
  EXPECT_EQ(cache.keys().size(), all_.size());
  EXPECT_EQ(cache.spilled_bytes(), 0);
  for (const auto& [name, activation] : all_) EXPECT_TRUE(cache[name].equal(activation)) << name;
}

TEST_F(Cache, ListsNamesInForwardOrderHoweverTheyWereAsked) {
  const ActivationCache cache = this->cache({"resid_post", "hook_embed", "blocks.0.*resid_post"});
  EXPECT_THAT(cache.keys(), ElementsAre("hook_embed", "blocks.0.hook_resid_post",
                                        "blocks.1.hook_resid_post", "blocks.2.hook_resid_post"));
  const auto items = cache.items();
  ASSERT_EQ(items.size(), 4u);
  EXPECT_EQ(items[3].first, "blocks.2.hook_resid_post");
  EXPECT_TRUE(items[3].second.equal(all_.at("blocks.2.hook_resid_post")));
}

TEST_F(Cache, OfActivationsReadBeforeIsTheSameCache) {
  const ActivationCache given(*model_, all_);
  EXPECT_EQ(given.keys(), cache({"*"}).keys());
  EXPECT_TRUE(given.decompose_resid().values.equal(cache({"*"}).decompose_resid().values));
  EXPECT_THAT(message_of<UsageError>([&] {
                ActivationCache(*model_, {{"resid_pre0", {}}});
              }),
              HasSubstr("'resid_pre0' is not the name of a hook point"));
}

TEST_F(Cache, KeepsTheGraphOfAForwardWithGradients) {
  ForwardOptions forward;
  forward.gradients = true;
  Hooks hooks;
  at::Tensor start;
  hooks.replace("hook_embed", [&](const at::Tensor& x, const HookPoint&) {
    return start = x.detach().clone().requires_grad_();
  });
  const auto [logits, cache] =
      run_with_cache(*model_, tokens_, {"resid_post"}, forward, {.memory_bytes = 0}, hooks);
  const at::AutoGradMode recording(true);
  cache["resid_post2"].sum().backward();
  EXPECT_GT(start.grad().abs().max().item<double>(), 0.0);
  EXPECT_EQ(cache.spilled_bytes(), 0);
}

TEST_F(Cache, WithoutTheBatchAxisHoldsTheOnlySequence) {
  const TokenBatch one{rows_of({{3, 1, 4, 1}}), {}};
  for (const std::int64_t memory : {std::int64_t{1} << 30, std::int64_t{0}}) {
    ActivationCache cache = run_with_cache(*model_, one, {"*"}, {}, {.memory_bytes = memory}).cache;
    const at::Tensor pattern = cache["pattern1"];
    const LabelledStack stack = cache.get_full_resid_decomposition();
    EXPECT_TRUE(cache.has_batch_dim());
    EXPECT_FALSE(cache.remove_batch_dim().has_batch_dim());
    EXPECT_FALSE(cache.remove_batch_dim().has_batch_dim());  // a second time
    EXPECT_TRUE(cache["pattern1"].equal(pattern[0]));
    EXPECT_TRUE(cache.get_full_resid_decomposition().values.equal(stack.values.select(1, 0)));
    const LabelledStack last = cache.decompose_resid({.pos_slice = -1});
    EXPECT_EQ(last.values.sizes(), at::IntArrayRef({8, 24}));
    EXPECT_EQ(cache.logit_attrs(last.values, 5, {}, {.pos_slice = -1}).sizes(),
              at::IntArrayRef({8}));
  }
  ActivationCache two = cache({"hook_embed"});
  EXPECT_THAT(message_of<UsageError>([&] { two.remove_batch_dim(); }),
              HasSubstr("the batch has 2 sequences"));
}

TEST_F(Cache, TakesAliasesAndShortNames) {
  const ActivationCache cache = this->cache({"resid_post", "k"});
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
    const ActivationCache cache = this->cache({"*"}, options);
    EXPECT_LE(cache.held_bytes(), 4096);
    EXPECT_GT(cache.spilled_bytes(), 0);
    for (const auto& [name, activation] : all_) EXPECT_TRUE(cache[name].equal(activation)) << name;
    kept = cache["blocks.2.hook_resid_post"];
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));  // the file has no name
  }
  EXPECT_TRUE(kept.equal(all_.at("blocks.2.hook_resid_post")));
}

TEST_F(Cache, OfAPartDoesNotKeepTheWholeAlive) {
  const ActivationCache cache = this->cache({"blocks.0.attn.hook_q"});
  EXPECT_EQ(cache.held_bytes(), 2 * 4 * 24 * 4);  // not the fused queries, keys and values
}

TEST_F(Cache, InFloat16TakesHalfTheBytesAndGivesTheDtypeBack) {
  ActivationCacheOptions options;
  options.float16 = true;
  const ActivationCache whole = cache({"resid_post"}), half = cache({"resid_post"}, options);
  EXPECT_EQ(2 * half.held_bytes(), whole.held_bytes());
  const at::Tensor exact = all_.at("blocks.0.hook_resid_post");
  EXPECT_TRUE(half["blocks.0.hook_resid_post"].equal(exact.to(at::kHalf).to(at::kFloat)));
}

TEST_F(Cache, SaysWhatIsMissingForAStack) {
  const ActivationCache cache = this->cache({"resid_pre"});
  EXPECT_THAT(message_of<UsageError>([&] { cache.stack_head_results(); }),
              HasSubstr("blocks.0.attn.hook_z"));
}

}  // namespace
}  // namespace lensbench
