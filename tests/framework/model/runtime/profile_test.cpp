#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <lensbench/error.hpp>
#include <lensbench/intervention.hpp>
#include <lensbench/profile.hpp>
#include <set>
#include <thread>

#include "support/random_model.hpp"

namespace lensbench {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// Large enough that the products take nearly all of the time.
TransformerSpec timed_spec() {
  TransformerSpec spec = small_gpt2_spec();
  spec.d_model = 256;
  spec.attention.n_heads = spec.attention.n_key_value_heads = 4;
  spec.attention.d_head = 64;
  spec.mlp.d_mlp = 1024;
  return spec;
}

struct Profiling : ::testing::Test {
  std::shared_ptr<const Model> plain = random_model(timed_spec(), 1);
  std::shared_ptr<Profile> profile = std::make_shared<Profile>();
  std::shared_ptr<const Model> model = with_profile(plain, profile);
  TokenBatch tokens = make_batch(tokens_from_ids(*plain, {1, 5, 3, 7, 2, 9, 4, 8}));

  const ProfileEntry& find(const std::vector<ProfileEntry>& entries, std::int64_t block,
                           const std::string& component) {
    for (const auto& entry : entries)
      if (entry.block == block && entry.component == component) return entry;
    throw UsageError("no " + component + " of block " + std::to_string(block));
  }
};

TEST_F(Profiling, ChangesNoBitOfTheLogits) {
  EXPECT_TRUE(at::equal(model->forward(tokens).logits, plain->forward(tokens).logits));
}

TEST_F(Profiling, HasEveryComponentOfEveryBlock) {
  model->forward(tokens);
  std::map<std::int64_t, std::set<std::string>> found;
  for (const auto& entry : profile->take()) found[entry.block].insert(entry.component);
  ASSERT_EQ(found.size(), static_cast<std::size_t>(plain->spec().n_layers) + 1);
  EXPECT_THAT(found[-1], UnorderedElementsAre("setup", "embed", "norm", "unembed"));
  for (std::int64_t layer = 0; layer < plain->spec().n_layers; ++layer)
    EXPECT_THAT(found[layer], UnorderedElementsAre("norm", "attention", "mlp", "residual"));
}

TEST_F(Profiling, TimesOfComponentsAddUpToTheForward) {
  model->forward(tokens);
  profile->take();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) model->forward(tokens);
  const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - start;
  double sum = 0;
  for (const auto& entry : profile->take()) sum += entry.seconds;
  EXPECT_LE(sum, whole.count());
  // What is left is calling `forward`, and adding to the profile after each clock has stopped.
  EXPECT_GE(sum, 0.9 * whole.count());
}

TEST_F(Profiling, CountsCallsAndTheBytesOfWeights) {
  for (int i = 0; i < 3; ++i) model->forward(tokens);
  const auto entries = profile->take();
  const auto& mlp = find(entries, 1, "mlp");
  EXPECT_EQ(mlp.calls, 3);
  // Two matrices and their biases, float32, read once a call.
  EXPECT_EQ(mlp.weight_bytes, 3 * 4 * (2 * 256 * 1024 + 1024 + 256));
  const auto& attention = find(entries, 0, "attention");
  EXPECT_EQ(attention.weight_bytes, 3 * 4 * (4 * 256 * 256 + 4 * 256));
  const auto& unembed = find(entries, -1, "unembed");
  EXPECT_EQ(unembed.weight_bytes, 3 * 4 * plain->spec().vocab_size * 256);
}

TEST_F(Profiling, CountsTheMemoryOfTensors) {
  model->forward(tokens);
  const auto entries = profile->take();
  // 8 positions of d_mlp float32 before the activation and as many after it, both alive at once,
  // and the output of the block's width.
  const auto& mlp = find(entries, 0, "mlp");
  EXPECT_GE(mlp.peak_bytes, 8 * 4 * (1024 + 1024));
  EXPECT_GE(mlp.allocated_bytes, 8 * 4 * (1024 + 1024 + 256));
  // The products of 8 rows are filled up to 16 rows.
  EXPECT_LT(mlp.allocated_bytes, 3 * 8 * 4 * (1024 + 1024 + 256));
}

TEST_F(Profiling, IsEmptyWithoutForwards) {
  plain->forward(tokens);
  EXPECT_THAT(profile->take(), IsEmpty());
  EXPECT_EQ(profile_of(*plain), nullptr);
}

TEST_F(Profiling, GoesOnUnderInterventions) {
  const auto changed = with_interventions(model, {});
  EXPECT_EQ(profile_of(*changed), profile.get());
  EXPECT_EQ(profile_of(*with_interventions(
                model, interventions_from_json(
                           R"([{"hook": "blocks.0.hook_resid_pre", "action": "zero"}])", "test"))),
            profile.get());
}

TEST_F(Profiling, TimeOfAScopeWithinIsNotCountedTwice) {
  {
    const ProfileScope around(profile.get(), 0, "around");
    const ProfileScope within(profile.get(), 0, "within");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  const auto entries = profile->take();
  EXPECT_GE(find(entries, 0, "within").seconds, 0.1);
  EXPECT_LT(find(entries, 0, "around").seconds, 0.05);
}

}  // namespace
}  // namespace lensbench
