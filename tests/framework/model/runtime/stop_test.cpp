#include "model/runtime/stop.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <atomic>
#include <lensbench/error.hpp>
#include <lensbench/profile.hpp>
#include <lensbench/weight_changes.hpp>

#include "support/random_model.hpp"

// A model that can be stopped: the bits of the other one, and the places at which it stops.

namespace lensbench {
namespace {

struct Stopping : ::testing::Test {
  std::shared_ptr<const Model> plain = random_model(small_gpt2_spec(), 1);
  std::atomic<int> asked = 0;  ///< number of questions whether to stop
  int stop_at = -1;            ///< number of the question that is answered with yes; -1: none
  std::shared_ptr<const Model> model = with_stop(plain, [this] { return asked++ == stop_at; });
  TokenBatch tokens = make_batch(tokens_from_ids(*plain, {1, 5, 3, 7, 2}));
  std::int64_t layers = plain->spec().n_layers;
};

TEST_F(Stopping, KeepsTheBitsOfTheModel) {
  const ForwardOutput one = plain->forward(tokens), other = model->forward(tokens);
  EXPECT_TRUE(at::equal(one.logits, other.logits));
  EXPECT_TRUE(at::equal(one.residual, other.residual));
  EXPECT_EQ(asked, layers + 1);
}

TEST_F(Stopping, CallsTheHooksOfTheCaller) {
  int calls = 0;
  Hooks hooks;
  hooks.read("blocks.*.hook_resid_post", [&](const at::Tensor&, const HookPoint&) { ++calls; });
  model->forward(tokens, {}, hooks);
  EXPECT_EQ(calls, layers);
}

TEST_F(Stopping, StopsAfterAnyBlock) {
  for (stop_at = 0; stop_at <= layers; ++stop_at) {
    asked = 0;
    int blocks = 0;
    Hooks hooks;
    hooks.read("blocks.*.hook_resid_pre", [&](const at::Tensor&, const HookPoint&) { ++blocks; });
    EXPECT_THROW(model->forward(tokens, {}, hooks), RunError);
    EXPECT_EQ(blocks, stop_at);
  }
}

TEST_F(Stopping, RunsAPartOfTheModel) {
  ForwardOptions options;
  options.logits = ForwardOptions::Logits::none;
  options.stop_at_layer = 1;
  const at::Tensor middle = model->forward(tokens, options).residual;
  EXPECT_EQ(asked, 2);
  options.start_at_layer = 1;
  options.stop_at_layer.reset();
  options.residual = middle;
  EXPECT_TRUE(at::equal(model->forward(tokens, options).residual, plain->forward(tokens).residual));
  options.start_at_layer = 0;
  options.residual = at::Tensor();
  options.stop_at_layer = 0;
  EXPECT_NO_THROW(model->forward(tokens, options));
}

TEST_F(Stopping, CanBeStoppedWithProfileAndChangedWeights) {
  const auto profile = std::make_shared<Profile>();
  const auto profiled = with_profile(model, profile);
  EXPECT_EQ(profile_of(*profiled), profile.get());
  const auto changed =
      with_weights(model, {{"blocks.0.attn.W_O", plain->weight("blocks.0.attn.W_O") * 0}});
  EXPECT_EQ(weight_changes(*changed).size(), 1u);
  for (const auto& other : {profiled, changed}) {
    stop_at = 0;
    asked = 0;
    EXPECT_THROW(other->forward(tokens), RunError);
  }
}

}  // namespace
}  // namespace lensbench
