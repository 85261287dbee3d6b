#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <lensbench/sweep_receipts.hpp>
#include <string>
#include <vector>

#include "support/faulty_model.hpp"
#include "support/random_model.hpp"

// Each receipt of a sweep fails for the fault that it names, and passes on the model itself.

namespace lensbench {
namespace {

using testing::AskedForward;
using testing::Faults;
using testing::faulty;

/// Receipts of a sweep that writes the stream of another prompt at each block and position.
class SweepReceipts : public ::testing::Test {
 protected:
  /// Passed receipts by name.
  std::map<std::string, bool> passed(const Faults& faults, const std::string& point) const {
    const auto model = faulty(right_, faults);
    const RowMetrics metrics = [&](const at::Tensor& rows) {
      const at::Tensor logits = model->unembed(model->final_norm(rows));
      return (logits.select(-1, 7) - logits.select(-1, 2)).unsqueeze(1);
    };
    std::vector<SweepCell> cells;
    for (std::int64_t block = 0; block < right_->spec().n_layers; ++block)
      for (std::int64_t at = 0; at < base_.size(); ++at)
        cells.push_back({{{point, block, {at}, {}, stream(point, block).narrow(0, at, 1)}}});
    const auto count = static_cast<std::int64_t>(cells.size());
    cells.push_back({{{"hook_resid_pre", 1, {}, {}, stream("hook_resid_pre", 1)}}});
    const SweepOptions options;
    const SweepResult result = sweep_cells(*model, base_, cells, metrics, options);
    const SweepCheck check{*model, base_, cells, metrics, options, result};
    const at::Tensor source = right_->forward(make_batch(other_)).residual[0].narrow(0, -1, 1);
    std::map<std::string, bool> found;
    for (const Receipt& receipt :
         {self_replacement(check, {point}), some_write_has_effect(check, count),
          batched_equals_single(check),
          restores_source(check, result.metrics.select(1, count), metrics(source))})
      found[receipt.name] = receipt.passed;
    return found;
  }
  at::Tensor stream(const std::string& point, std::int64_t block) const {
    at::Tensor found;
    Hooks hooks;
    hooks.read("blocks." + std::to_string(block) + "." + point,
               [&](const at::Tensor& x, const HookPoint&) { found = x[0]; });
    right_->forward(make_batch(other_), {}, hooks);
    return found;
  }

  std::shared_ptr<const Model> right_ = random_model(small_gpt2_spec(), 5, at::kFloat, 0.3);
  Tokens base_ = tokens_from_ids(*right_, {3, 17, 5, 9}),
         other_ = tokens_from_ids(*right_, {3, 20, 5, 8});
};

constexpr const char* kItself = "replacing_an_activation_by_itself_changes_nothing";
constexpr const char* kEffect = "no_write_was_without_effect";
constexpr const char* kAlone = "batched_equals_single";
constexpr const char* kSource = "replacing_every_position_gives_the_source_metric";

TEST_F(SweepReceipts, PassOnTheModelItself) {
  for (const char* point : {"hook_resid_pre", "hook_attn_out"})
    for (const auto& [name, held] : passed({}, point)) EXPECT_TRUE(held) << name;
}

TEST_F(SweepReceipts, FailForReplacementsThatChangeMoreThanTheirActivation) {
  auto held =
      passed(testing::off_where([](const AskedForward& f) { return f.replaces; }), "hook_attn_out");
  EXPECT_FALSE(held[kItself]);
  EXPECT_FALSE(held[kSource]);
}

TEST_F(SweepReceipts, FailForWritesThatActOnNothing) {
  auto held = passed(testing::deaf(), "hook_attn_out");
  EXPECT_FALSE(held[kEffect]);
  EXPECT_FALSE(held[kSource]);
  EXPECT_TRUE(held[kItself]);
}

TEST_F(SweepReceipts, FailForForwardsOfOtherNumbersInABatchOrAfterARestart) {
  EXPECT_FALSE(passed(testing::off_where([](const AskedForward& f) { return f.in_a_batch; }),
                      "hook_attn_out")[kAlone]);
  EXPECT_FALSE(passed(testing::off_where([](const AskedForward& f) { return f.continues; }),
                      "hook_attn_out")[kAlone]);
}

TEST_F(SweepReceipts, FailForNumbersThatAreNone) {
  Faults faults;
  faults.stream = [](const at::Tensor& right, const AskedForward& f) {
    return f.is_partial ? right * std::nan("") : right;
  };
  auto held = passed(faults, "hook_attn_out");
  EXPECT_FALSE(held[kAlone]);
  EXPECT_FALSE(held[kSource]);
}

}  // namespace
}  // namespace lensbench
