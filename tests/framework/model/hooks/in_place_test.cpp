#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <memory>

#include "support/error_matchers.hpp"
#include "support/random_model.hpp"
#include "support/tensors.hpp"

// Hooks that write into the tensor they are given. Other points may share its memory: the stream
// after block 0 is that before block 1.

namespace lensbench {
namespace {

using lensbench::testing::message_of;
using lensbench::testing::rows_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

class WritingInPlace : public ::testing::Test {
 protected:
  std::shared_ptr<const Model> model_ = random_model(small_gpt2_spec(), 4);
  TokenBatch tokens_{rows_of({{3, 1, 4}}), {}};
};

TEST_F(WritingInPlace, IsAnErrorOfAReader) {
  Hooks whole, part;
  whole.read("blocks.1.hook_resid_pre", [](const at::Tensor& x, const HookPoint&) { x.zero_(); });
  part.read("blocks.1.attn.hook_pattern", [](const at::Tensor& x, const HookPoint&) {
    x.detach()[0][1].mul_(2);  // through a view
  });
  EXPECT_THAT(message_of<UsageError>([&] { model_->forward(tokens_, {}, whole); }),
              AllOf(HasSubstr("'blocks.1.hook_resid_pre': a reader changed"), HasSubstr("clone")));
  EXPECT_THAT(message_of<UsageError>([&] { model_->forward(tokens_, {}, part); }),
              HasSubstr("'blocks.1.attn.hook_pattern': a reader changed"));
}

TEST_F(WritingInPlace, IsAnErrorOfAReplacer) {
  Hooks hooks;
  hooks.replace("blocks.1.hook_resid_pre",
                [](const at::Tensor& x, const HookPoint&) { return x.zero_(); });
  EXPECT_THAT(message_of<UsageError>([&] {
                run_with_cache(*model_, tokens_, {"blocks.0.hook_resid_post"}, {}, {}, hooks);
              }),
              HasSubstr("a replacer changed the activation in place"));
}

TEST_F(WritingInPlace, IntoACopyIsAReplacement) {
  Hooks hooks;
  hooks.replace("blocks.1.hook_resid_pre", [](const at::Tensor& x, const HookPoint&) {
    at::Tensor y = x.clone();
    return y.zero_();
  });
  const auto [logits, cache] = run_with_cache(
      *model_, tokens_, {"blocks.0.hook_resid_post", "blocks.1.hook_resid_pre"}, {}, {}, hooks);
  EXPECT_GT(cache["blocks.0.hook_resid_post"].abs().max().item<double>(), 0.0);
  EXPECT_EQ(cache["blocks.1.hook_resid_pre"].abs().max().item<double>(), 0.0);
}

TEST_F(WritingInPlace, InInferenceModeDoesNotReachTheForward) {
  const at::Tensor expected = model_->forward(tokens_).logits;
  Hooks hooks;
  hooks.read("blocks.*.hook_resid_*", [](const at::Tensor& x, const HookPoint&) { x.zero_(); });
  const c10::InferenceMode mode;
  EXPECT_TRUE(model_->forward(tokens_, {}, hooks).logits.equal(expected));
}

}  // namespace
}  // namespace lensbench
