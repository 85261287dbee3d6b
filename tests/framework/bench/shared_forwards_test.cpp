#include "bench/shared_forwards.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/tool.hpp>

#include "support/contexts.hpp"
#include "support/folders.hpp"
#include "support/random_model.hpp"
#include "support/sample_models.hpp"

// Number of forwards that requests cost, and equal bits however far the cache looks ahead.

namespace lensbench {
namespace {

const std::vector<std::string> kStream = {"blocks.*.hook_resid_post"};
const std::vector<std::string> kOutputs = {"blocks.*.hook_attn_out", "blocks.*.hook_mlp_out"};

struct Fixture {
  std::shared_ptr<const Model> model = random_model(small_gpt2_spec(), 1);
  Tokens tokens(std::vector<std::int64_t> ids) const { return tokens_from_ids(*model, ids); }
};

TEST(SharedForwards, ReadsInOneForwardWhatToolsExpect) {
  const Fixture f;
  SharedForwards forwards(f.model, true);
  forwards.expect(kStream);
  forwards.expect(kOutputs);
  const auto tokens = f.tokens({1, 2, 3});
  forwards.activations(tokens, kStream);
  forwards.activations(tokens, kOutputs);
  EXPECT_EQ(forwards.forwards(), 1);
  EXPECT_EQ(forwards.shared(), 1);
}

TEST(SharedForwards, LearnsFromTheCaseBefore) {
  const Fixture f;
  SharedForwards forwards(f.model, true);
  for (int number = 0; number < 3; ++number) {
    forwards.begin_case();
    const auto tokens = f.tokens({1, 2, number});
    forwards.activations(tokens, kStream);
    forwards.activations(tokens, kOutputs);
  }
  EXPECT_EQ(forwards.forwards(), 2 + 1 + 1);
}

TEST(SharedForwards, LearnsEachSequenceOfACaseByItsPlace) {
  const Fixture f;
  SharedForwards forwards(f.model, true);
  const auto one_case = [&](std::int64_t id) {
    forwards.begin_case();
    const auto clean = f.tokens({1, 2, id}), corrupted = f.tokens({9, 2, id});
    forwards.activations(clean, kStream);
    forwards.activations(corrupted, kOutputs);
    forwards.activations(clean, kOutputs);
    forwards.activations(corrupted, kStream);
  };
  one_case(1);
  EXPECT_EQ(forwards.forwards(), 4);
  one_case(2);
  EXPECT_EQ(forwards.forwards(), 4 + 2);
}

TEST(SharedForwards, RunsForOtherTokensAndForEveryRequestWhenNotSharing) {
  const Fixture f;
  SharedForwards shared(f.model, true), alone(f.model, false);
  for (SharedForwards* one : {&shared, &alone})
    for (const std::int64_t last : {3, 4, 3}) one->activations(f.tokens({1, 2, last}), kStream);
  EXPECT_EQ(shared.forwards(), 2);
  EXPECT_EQ(alone.forwards(), 3);
}

TEST(SharedForwards, HoldsNoMoreThanItMay) {
  const Fixture f;
  const auto tokens = f.tokens({1, 2, 3});
  // The stream after each layer, three tokens, float32.
  const std::int64_t bytes = f.model->spec().n_layers * 3 * f.model->spec().d_model * 4;
  SharedForwards tight(f.model, true, bytes - 1), enough(f.model, true, bytes);
  for (SharedForwards* one : {&tight, &enough})
    for (int i = 0; i < 2; ++i) one->activations(tokens, kStream);
  EXPECT_EQ(tight.forwards(), 2);
  EXPECT_EQ(enough.forwards(), 1);
  enough.activations(f.tokens({4, 5, 6}), kStream);
  enough.activations(tokens, kStream);
  EXPECT_EQ(enough.forwards(), 3) << "the sequence asked about before last must have made room";
}

TEST(SharedForwards, GivesTheSameBitsHoweverMuchItReadsAhead) {
  for (const auto& spec : {small_gpt2_spec(), small_llama_spec()}) {
    const auto model = random_model(spec, 2);
    const auto tokens = tokens_from_ids(*model, {5, 6, 7, 8, 9, 10, 11});
    SharedForwards ahead(model, true), alone(model, false);
    ahead.expect({"*"});
    for (const HookPoint& point : hook_points(spec)) {
      const auto ours = ahead.activations(tokens, {point.name}).at(point.name);
      const auto theirs = alone.activations(tokens, {point.name}).at(point.name);
      EXPECT_TRUE(at::equal(ours, theirs)) << spec.family << " " << point.name;
    }
    EXPECT_EQ(ahead.forwards(), 1);
  }
}

TEST(SharedForwards, AreUntouchedByAToolThatWritesIntoWhatItGot) {
  const Fixture f;
  SharedForwards shared(f.model, true), alone(f.model, false);
  const auto tokens = f.tokens({1, 2, 3});
  const std::vector<std::string> names = {"blocks.1.hook_resid_pre", "blocks.0.hook_resid_post"};
  const auto expected = alone.activations(tokens, names);
  shared.activations(tokens, names).at(names[0]).zero_();
  // Also without libtorch, whose version counters do not see it.
  const auto raw = shared.activations(tokens, names);
  std::fill_n(raw.at(names[1]).data_ptr<float>(), raw.at(names[1]).numel(), 7.0f);
  const auto later = shared.activations(tokens, names);
  EXPECT_EQ(shared.forwards(), 1);
  for (const std::string& name : names)
    EXPECT_TRUE(at::equal(later.at(name), expected.at(name))) << name;
}

TEST(SharedForwards, AreUntouchedByAToolThatZeroesThemInACase) {
  Context context = testing::context_of(random_model(small_gpt2_spec(), 1));
  const Tokens tokens = tokens_from_ids(context.model(), {1, 2, 3});
  const auto largest = [&] {
    return context.activations(tokens, kStream).begin()->second.abs().max().item<double>();
  };
  const double before = largest();
  for (auto& [name, activation] : context.activations(tokens, kStream)) activation.zero_();
  EXPECT_EQ(largest(), before);
  EXPECT_GT(before, 0.0);
}

TEST(SharedForwards, RefusesANameThatMatchesNothing) {
  const Fixture f;
  SharedForwards forwards(f.model, true);
  EXPECT_THROW(forwards.activations(f.tokens({1}), {"blocks.*.hook_resid_pots"}), UsageError);
  EXPECT_THROW(forwards.expect({"blocks.*.hook_resid_pots"}), UsageError);
}

/// A batch of three prompts, and what a forward of each alone gives.
struct BatchFixture {
  explicit BatchFixture(std::shared_ptr<const Model> given) : model(std::move(given)) {}
  BatchFixture() : BatchFixture(random_model(small_gpt2_spec(), 1)) {}

  Tokens tokens(std::vector<std::int64_t> ids) const { return tokens_from_ids(*model, ids); }
  std::map<std::string, at::Tensor> alone(const Tokens& prompt,
                                          const std::vector<std::string>& globs) const {
    return SharedForwards(model, true).activations(prompt, globs);
  }

  std::shared_ptr<const Model> model;
  CaseBatch batch{0, {tokens({1, 2, 3}), tokens({3, 2, 1}), tokens({2, 3, 4})}};
};

TEST(SharedForwards, ReadAllPromptsOfABatchInOneForward) {
  const BatchFixture f;
  SharedForwards forwards(f.model, true);
  for (const Tokens& prompt : f.batch.sequences) {
    forwards.begin_case();
    forwards.activations(prompt, kStream, &f.batch);
  }
  EXPECT_EQ(forwards.forwards(), 1);
}

/// Every activation of every family that runs in batches.
TEST(SharedForwards, GiveEachPromptOfABatchTheBitsThatItGetsAlone) {
  for (const std::string& name : testing::sample_models()) {
    BatchFixture f(Model::open(testing::data_folder() + "/models/" + name));
    if (!can_run_in_batches(f.model->spec())) continue;
    // Enough prompts for products of another size than those of one prompt.
    for (std::int64_t id = 0; id < 20; ++id) f.batch.sequences.push_back(f.tokens({id % 5, 4, 1}));
    SharedForwards forwards(f.model, true);
    for (const Tokens& prompt : f.batch.sequences) {
      forwards.begin_case();
      const auto alone = f.alone(prompt, {"*"});
      const auto batched = forwards.activations(prompt, {"*"}, &f.batch);
      ASSERT_EQ(batched.size(), alone.size());
      for (const auto& [hook, expected] : alone) {
        ASSERT_EQ(batched.at(hook).sizes(), expected.sizes()) << name << " " << hook;
        EXPECT_TRUE(at::equal(batched.at(hook), expected)) << name << " " << hook;
      }
    }
  }
}

TEST(SharedForwards, GiveTheSameBitsToABatchWithoutSharing) {
  const BatchFixture f;
  SharedForwards shared(f.model, true), single(f.model, false);
  for (const Tokens& prompt : f.batch.sequences) {
    shared.begin_case();
    single.begin_case();
    const auto expected = shared.activations(prompt, kStream, &f.batch);
    for (const auto& [name, value] : single.activations(prompt, kStream, &f.batch))
      EXPECT_TRUE(value.equal(expected.at(name))) << name;
  }
  EXPECT_EQ(shared.forwards(), 1);
  EXPECT_EQ(single.forwards(), 3);
}

TEST(SharedForwards, RunAPromptOutsideTheBatchAlone) {
  const BatchFixture f;
  SharedForwards forwards(f.model, true);
  const Tokens other = f.tokens({1, 2});
  const auto expected = f.alone(other, kStream);
  for (const auto& [name, value] : forwards.activations(other, kStream, &f.batch))
    EXPECT_TRUE(value.equal(expected.at(name))) << name;
}

TEST(SharedForwards, RunPromptsAloneWhoseBatchExceedsTheMemory) {
  const BatchFixture f;
  // 3 prompts of 3 positions; each stream has 4 bytes for each of d_model numbers.
  const std::int64_t stream = 3 * 3 * 4 * f.model->spec().d_model * f.model->spec().n_layers;
  SharedForwards enough(f.model, true, stream), too_few(f.model, true, stream - 1);
  for (const Tokens& prompt : f.batch.sequences)
    for (SharedForwards* forwards : {&enough, &too_few}) {
      forwards->begin_case();
      forwards->activations(prompt, kStream, &f.batch);
    }
  EXPECT_EQ(enough.forwards(), 1);
  EXPECT_EQ(too_few.forwards(), 3);
}

TEST(SharedForwards, ReadEqualPromptsOfABatchOnce) {
  const BatchFixture f;
  const CaseBatch twice{0, {f.tokens({1, 2, 3}), f.tokens({1, 2, 3})}};
  SharedForwards forwards(f.model, true);
  for (const Tokens& prompt : twice.sequences) {
    forwards.begin_case();
    forwards.activations(prompt, kStream, &twice);
  }
  EXPECT_EQ(forwards.forwards(), 1);
}

}  // namespace
}  // namespace lensbench
