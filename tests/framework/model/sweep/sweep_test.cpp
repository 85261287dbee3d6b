// General sweeps: every cell against one whole forward with hooks that are written here.
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <lensbench/intervention.hpp>
#include <lensbench/sweep.hpp>
#include <memory>
#include <string>

#include "support/error_matchers.hpp"
#include "support/random_model.hpp"
#include "support/sample_models.hpp"

namespace lensbench {
namespace {

using lensbench::testing::message_of;
using ::testing::HasSubstr;

// Sums of some hundred products in another order, relative to numbers of size 1 or more.
constexpr double kSweepReordering = 1e-5;

TransformerSpec bidirectional_spec() {
  TransformerSpec spec = small_gpt2_spec();
  spec.attention.causal = false;
  return spec;
}

class GeneralSweep : public ::testing::TestWithParam<const char*> {
 protected:
  GeneralSweep() {
    const std::string family = GetParam();
    const TransformerSpec spec = family == "gpt2"    ? small_gpt2_spec()
                                 : family == "llama" ? small_llama_spec()
                                                     : bidirectional_spec();
    model_ = random_model(spec, 6, at::kFloat, 0.3);
    Hooks hooks;
    hooks.read("blocks.*",
               [this](const at::Tensor& x, const HookPoint& point) { source_[point.name] = x; });
    model_->forward(make_batch(clean_), {}, hooks);
  }
  at::Tensor clean(std::int64_t block, const std::string& point) const {
    return source_.at("blocks." + std::to_string(block) + "." + point)[0];
  }
  /// Two numbers of a row, and so two metrics.
  static at::Tensor two(const at::Tensor& rows) { return rows.narrow(1, 3, 2); }
  /// Numbers of a cell from one forward in which `hooks` act.
  at::Tensor alone(const Hooks& hooks, std::int64_t position) const {
    ForwardOptions options;
    options.logits = ForwardOptions::Logits::none;
    return two(model_->forward(make_batch(corrupted_), options, hooks).residual.select(1, position))
        .to(at::kDouble)[0];
  }
  static void expect_near(const at::Tensor& found, const at::Tensor& expected,
                          const std::string& what) {
    const double size = std::max(1.0, expected.abs().max().item<double>());
    EXPECT_LE((found - expected).abs().max().item<double>(), kSweepReordering * size)
        << what << ", numbers of size " << size;
  }
  static Hooks writing(std::int64_t block, const std::string& point, const at::Tensor& source,
                       std::int64_t position) {
    Hooks hooks;
    add_write(hooks, block, point, source, position);
    return hooks;
  }
  static void add_write(Hooks& hooks, std::int64_t block, const std::string& point,
                        const at::Tensor& source, std::int64_t position) {
    hooks.replace("blocks." + std::to_string(block) + "." + point,
                  [source, position](const at::Tensor& x, const HookPoint&) {
                    at::Tensor y = x.clone();
                    if (position < 0)
                      y[0].copy_(source);
                    else
                      y[0][position].copy_(source[position]);
                    return y;
                  });
  }

  Tokens tokens_of(std::vector<std::int64_t> ids) const {
    Tokens tokens;
    tokens.ids = std::move(ids);
    return tokens;
  }
  std::shared_ptr<const Model> model_;
  Tokens clean_ = tokens_of({3, 1, 4, 1, 5, 9}), corrupted_ = tokens_of({3, 1, 8, 1, 5, 2});
  std::map<std::string, at::Tensor> source_;
};

TEST_P(GeneralSweep, WindowsOfBlocksAndWholeRowsEqualOneForwardACell) {
  std::vector<SweepCell> cells;
  std::vector<Hooks> expected;
  for (std::int64_t position = -1; position < 6; ++position)
    for (std::int64_t block = 0; block < 2; ++block) {
      SweepCell cell;
      Hooks hooks;
      for (std::int64_t l = block; l < block + 2; ++l) {
        const at::Tensor rows = clean(l, "hook_mlp_out");
        CellWrite write{"mlp_out", l, {}, {}, rows};
        if (position >= 0) write.positions = {position}, write.values = rows.narrow(0, position, 1);
        cell.writes.push_back(write);
        add_write(hooks, l, "hook_mlp_out", rows, position);
      }
      cells.push_back(cell);
      expected.push_back(hooks);
    }
  const SweepResult result = sweep_cells(*model_, corrupted_, cells, two, {.most_cells = 3});
  ASSERT_EQ(result.metrics.sizes(), (std::vector<std::int64_t>{1, 14, 2}));
  for (std::size_t i = 0; i < cells.size(); ++i)
    expect_near(result.metrics[0][static_cast<std::int64_t>(i)], alone(expected[i], 5),
                "cell " + std::to_string(i));
  expect_near(result.base_metrics[0], alone({}, 5), "base");
}

TEST_P(GeneralSweep, DifferentPointsHeadsAndPositionsShareBatches) {
  const at::Tensor z = clean(1, "attn.hook_z"), pattern = clean(2, "attn.hook_pattern");
  const SweepCell heads{
      {{"z", 1, {2, 4}, {0, 2}, z.index_select(0, at::tensor({2, 4}, at::kLong)).narrow(1, 0, 1)}}};
  const SweepCell row{
      {{"attn.hook_pattern", 2, {-2}, {1}, pattern.narrow(0, 1, 1).narrow(1, 4, 1)}}};
  const SweepCell zero{{{"hook_resid_mid", 0, {}, {}, at::zeros({1, 1})}}};
  const SweepResult result =
      sweep_cells(*model_, corrupted_, {heads, row, zero}, two, {.metric_position = 4});
  Hooks expected_heads, expected_row, expected_zero;
  expected_heads.replace("blocks.1.attn.hook_z", [&](const at::Tensor& x, const HookPoint&) {
    at::Tensor y = x.clone();
    for (const std::int64_t position : {2, 4})
      for (const std::int64_t head : {0, 2}) y[0][position][head].copy_(z[position][0]);
    return y;
  });
  expected_row.replace("blocks.2.attn.hook_pattern", [&](const at::Tensor& x, const HookPoint&) {
    at::Tensor y = x.clone();
    y[0][1][4].copy_(pattern[1][4]);
    return y;
  });
  expected_zero.replace("blocks.0.hook_resid_mid",
                        [](const at::Tensor& x, const HookPoint&) { return at::zeros_like(x); });
  expect_near(result.metrics[0][0], alone(expected_heads, 4), "heads");
  expect_near(result.metrics[0][1], alone(expected_row, 4), "row of a pattern");
  expect_near(result.metrics[0][2], alone(expected_zero, 4), "zeros");
}

TEST_P(GeneralSweep, EveryCellRunsOnEveryBase) {
  std::vector<Hooks> bases(2);
  const auto noisy = [](const at::Tensor& x, const HookPoint&) {
    at::Tensor y = x.clone();
    y.select(1, 2).add_(0.25);
    return y;
  };
  bases[1].replace("hook_embed", noisy);
  const at::Tensor rows = clean(1, "hook_resid_pre");
  const SweepCell cell{{{"resid_pre", 1, {2}, {}, rows.narrow(0, 2, 1)}}};
  const SweepResult result = sweep_cells(*model_, corrupted_, {cell, cell}, two, {.bases = bases});
  Hooks second = writing(1, "hook_resid_pre", rows, 2);
  second.replace("hook_embed", noisy);
  expect_near(result.metrics[0][0], alone(writing(1, "hook_resid_pre", rows, 2), 5), "plain");
  expect_near(result.metrics[1][1], alone(second, 5), "noisy");
  expect_near(result.base_metrics[1], alone(bases[1], 5), "noisy base");
  const at::Tensor whole = run_cell_alone(*model_, corrupted_, cell, two, {.bases = bases});
  expect_near(whole, result.metrics.select(1, 0), "alone");
}

TEST_P(GeneralSweep, RunsOnlyWhatCanDiffer) {
  const bool causal = model_->spec().attention.causal;
  const at::Tensor own =
      run_with_cache(*model_, make_batch(corrupted_), {"blocks.1.hook_resid_pre"})
          .cache["blocks.1.hook_resid_pre"][0];
  const SweepCell same{{{"resid_pre", 1, {3}, {}, own.narrow(0, 3, 1)}}};
  const SweepCell late{{{"resid_pre", 1, {5}, {}, clean(1, "hook_resid_pre").narrow(0, 5, 1)}}};
  const SweepCell early{{{"resid_pre", 1, {2}, {}, clean(1, "hook_resid_pre").narrow(0, 2, 1)}}};
  const SweepResult result =
      sweep_cells(*model_, corrupted_, {same, late, early}, two, {.metric_position = 4});
  EXPECT_TRUE(result.metrics[0][0].equal(result.base_metrics[0]));
  EXPECT_EQ(result.metrics[0][1].equal(result.base_metrics[0]), causal);
  EXPECT_EQ(result.run, causal ? 1 : 2);
  // Two blocks from block 1 on. A causal model runs positions 2 to 4, with rotary ones to the end.
  const std::int64_t columns = !causal ? 12 : model_->spec().rope ? 4 : 3;
  EXPECT_EQ(result.position_blocks, 2 * columns);
  const SweepCost cost = sweep_cost(model_->spec(), 6, {early}, {.metric_position = 4});
  EXPECT_EQ(cost.position_blocks, causal ? 2 * columns : 12);
  EXPECT_EQ(cost.cells, 1);
  EXPECT_GT(cost.flops, 0);
}

// A cell restarts at a block whose entering stream the model itself changes.
TEST_P(GeneralSweep, InterventionsOnTheStreamThatEntersABlockActOnceInEachCell) {
  for (const std::int64_t block : {0, 1}) {
    const std::string name = "blocks." + std::to_string(block);
    InterventionSite entering;
    entering.hook = name + ".hook_resid_pre";
    const std::shared_ptr<const Model> changed =
        with_interventions(model_, {{entering, AddValue{at::tensor(0.5), 1.0}}});
    const at::Tensor rows = clean(block, "hook_mlp_out");
    const SweepCell cell{{{"mlp_out", block, {2}, {}, rows.narrow(0, 2, 1)}}};
    const SweepResult result = sweep_cells(*changed, corrupted_, {cell}, two);
    Hooks expected = writing(block, "hook_mlp_out", rows, 2);
    expected.replace(name + ".hook_resid_pre",
                     [](const at::Tensor& x, const HookPoint&) { return x + 0.5; });
    expect_near(result.metrics[0][0], alone(expected, 5), name);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GeneralSweep,
                         ::testing::Values("gpt2", "llama", "bidirectional"),
                         [](const auto& param_info) { return std::string(param_info.param); });

class RefusedSweep : public ::testing::Test {
 protected:
  std::string fault(const CellWrite& write, const SweepOptions& options = {}) const {
    return message_of<UsageError>([&] {
      sweep_cells(
          *model_, tokens_, {{{write}}}, [](const at::Tensor& rows) { return rows.select(1, 0); },
          options);
    });
  }
  std::shared_ptr<const Model> model_ = random_model(small_gpt2_spec(), 6, at::kFloat, 0.3);
  Tokens tokens_ = tokens_from_ids(*model_, {1, 2, 3});
  at::Tensor row_ = at::zeros({1, 1});
};

TEST_F(RefusedSweep, NamesPointIndexAndShape) {
  EXPECT_THAT(fault({"hook_resid_prr", 0, {}, {}, row_}), HasSubstr("resid_pre"));
  EXPECT_THAT(fault({"resid_pre", 3, {}, {}, row_}), HasSubstr("block 3 does not exist"));
  EXPECT_THAT(fault({"resid_pre", 0, {3}, {}, row_}), HasSubstr("position 3 does not exist"));
  EXPECT_THAT(fault({"z", 0, {}, {3}, at::zeros({1, 1, 1})}), HasSubstr("head 3 does not exist"));
  EXPECT_THAT(fault({"resid_pre", 0, {}, {0}, row_}), HasSubstr("lacks a head axis"));
  EXPECT_THAT(fault({"resid_pre", 0, {1}, {}, at::zeros({2, 24})}),
              HasSubstr("must be [1, 24] (axes of length 1 are repeated), found [2, 24]"));
  EXPECT_THAT(fault({"resid_pre", 0, {1}, {}, {}}), HasSubstr("found none"));
  EXPECT_THAT(message_of<UsageError>([&] {
                sweep_cells(*model_, tokens_, {SweepCell{}}, [](const at::Tensor& x) { return x; });
              }),
              HasSubstr("cell 0 lacks writes"));
}

TEST_F(RefusedSweep, SaysHowMuchMemoryASweepNeedsAndWhatShrinksIt) {
  const std::string message = fault({"resid_pre", 0, {}, {}, row_}, {.most_bytes = 1000});
  EXPECT_THAT(message, HasSubstr("1 cells of a prompt of 3 tokens need 0.00 GiB"));
  EXPECT_THAT(message, HasSubstr("set most_cells to less than 256"));
}

// The hook would act in the base run and be lost where cells restart.
TEST_F(RefusedSweep, BaseHooksInsideTheBlocks) {
  SweepOptions options;
  options.bases[0].replace("blocks.0.hook_mlp_out",
                           [](const at::Tensor& x, const HookPoint&) { return x; });
  EXPECT_THAT(fault({"resid_pre", 0, {}, {}, row_}, options),
              HasSubstr("hook the embedding instead"));
}

}  // namespace
}  // namespace lensbench
