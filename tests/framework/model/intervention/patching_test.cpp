#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/patching.hpp>
#include <memory>
#include <string>

#include "support/error_matchers.hpp"
#include "support/prompts.hpp"
#include "support/random_model.hpp"

namespace lensbench {
namespace {

using lensbench::testing::message_of;
using ::testing::HasSubstr;
using testing::prompt_of;

class Sweep : public ::testing::TestWithParam<const char*> {
 protected:
  std::shared_ptr<const Model> model_ =
      random_model(GetParam() == std::string("llama") ? small_llama_spec() : small_gpt2_spec(), 6,
                   at::kFloat, 0.3);
  Tokens clean_ = prompt_of({3, 1, 4, 1, 5, 9}), corrupted_ = prompt_of({3, 1, 8, 1, 5, 2});
  CellMetric metric_ = logit_difference(7, 11);

  PatchSweep sweep(const PatchSweepOptions& options) const {
    return patch_sweep(*model_, clean_, corrupted_, metric_, options);
  }

  /// One whole forward, the plain way.
  double patched(const std::string& name, std::int64_t axis, std::int64_t position,
                 std::int64_t head_axis, std::int64_t head, std::int64_t at) const {
    const at::Tensor clean = run_with_cache(*model_, make_batch(clean_), {name}).cache[name];
    Hooks hooks;
    hooks.replace(name, [&](const at::Tensor& x, const HookPoint&) {
      at::Tensor y = x.clone(), to = y.narrow(axis, position, 1),
                 from = clean.narrow(axis, position, 1);
      if (head >= 0) to = to.narrow(head_axis, head, 1), from = from.narrow(head_axis, head, 1);
      to.copy_(from);
      return y;
    });
    const at::Tensor logits = model_->forward(make_batch(corrupted_), {}, hooks).logits;
    return metric_(logits.select(1, at)).item<double>();
  }
};

// Sums of some hundred products of size about 1 in another order.
constexpr double kReordering = 1e-5;

TEST_P(Sweep, OfTheStreamEqualsOneForwardACell) {
  const PatchSweep result = sweep({});
  for (std::int64_t layer = 0; layer < 3; ++layer)
    for (std::int64_t position = 0; position < 6; ++position)
      EXPECT_NEAR(
          result.metric[layer][position].item<double>(),
          patched("blocks." + std::to_string(layer) + ".hook_resid_pre", 1, position, 0, -1, 5),
          kReordering);
}

TEST_P(Sweep, ByHeadEqualsOneForwardACell) {
  PatchSweepOptions options;
  options.hook = "z";
  options.heads = true;
  options.layers = {2, 0};
  options.positions = {-1, 2};
  options.most_cells = 3;
  const PatchSweep result = sweep(options);
  for (std::int64_t l = 0; l < 2; ++l)
    for (std::int64_t p = 0; p < 2; ++p)
      for (std::int64_t head = 0; head < model_->spec().attention.n_heads; ++head)
        EXPECT_NEAR(result.metric[l][p][head].item<double>(),
                    patched("blocks." + std::to_string(result.layers[static_cast<std::size_t>(l)]) +
                                ".attn.hook_z",
                            1, result.positions[static_cast<std::size_t>(p)], 2, head, 5),
                    kReordering);
}

TEST_P(Sweep, OfPatternsKeysAndOutputsEqualsOneForwardACellWhereverTheMetricReads) {
  for (const char* hook :
       {"attn.hook_pattern", "attn.hook_k", "hook_mlp_out", "attn.hook_result"}) {
    PatchSweepOptions options;
    options.hook = hook;
    options.metric_position = 3;
    const PatchSweep result = sweep(options);
    const bool pairs = std::string(hook) == "attn.hook_pattern";
    for (std::int64_t layer = 0; layer < 3; ++layer)
      for (std::int64_t position = 0; position < 6; ++position)
        EXPECT_NEAR(result.metric[layer][position].item<double>(),
                    patched("blocks." + std::to_string(layer) + "." + hook, pairs ? 2 : 1, position,
                            0, -1, 3),
                    kReordering)
            << hook << " " << layer << " " << position;
  }
}

TEST_P(Sweep, RecoversAllWhereThePatchIsTheWholeDifference) {
  // The prompts differ at 2 and 5; the stream at the last position after all blocks is the answer.
  PatchSweepOptions options;
  options.hook = "resid_post";
  options.layers = {2};
  const at::Tensor recovery = sweep(options).recovery[0];
  EXPECT_NEAR(recovery[5].item<double>(), 1.0, 1e-4);
  EXPECT_NEAR(recovery[4].item<double>(), 0.0, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Families, Sweep, ::testing::Values("gpt2", "llama"),
                         [](const auto& param_info) { return std::string(param_info.param); });

TEST(PatchSweep, RefusesWhatHasNoMeaning) {
  const auto model = random_model(small_gpt2_spec(), 6, at::kFloat, 0.3);
  const Tokens a = prompt_of({1, 2, 3}), b = prompt_of({1, 2, 4});
  const auto fault = [&](const Tokens& clean, const Tokens& corrupted, PatchSweepOptions options,
                         const CellMetric& metric) {
    return message_of<UsageError>([&] { patch_sweep(*model, clean, corrupted, metric, options); });
  };
  const CellMetric metric = logit_difference(1, 2);
  EXPECT_THAT(fault(a, prompt_of({1, 2}), {}, metric), HasSubstr("3 tokens, the corrupted one 2"));
  EXPECT_THAT(fault(a, a, {}, metric), HasSubstr("recovery needs two different finite values"));
  EXPECT_THAT(fault(a, b, {.hook = "unembed.hook_out"}, metric), HasSubstr("unembed.hook_out"));
  EXPECT_THAT(fault(a, b, {.heads = true}, metric), HasSubstr("lacks a head axis"));
  EXPECT_THAT(fault(a, b, {.layers = {3}}, metric), HasSubstr("layer 3 does not exist"));
  EXPECT_THAT(fault(a, b, {.positions = {3}}, metric), HasSubstr("position 3"));
  EXPECT_THAT(fault(a, b, {}, [](const at::Tensor& x) { return x; }), HasSubstr("for 1 cells"));
}

}  // namespace
}  // namespace lensbench
