// Sweeps over prompts with pictures against their definition: one whole forward for each cell.
#include <ATen/core/Tensor.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <lensbench/sweep.hpp>
#include <string>
#include <vector>

#include "support/tensors.hpp"
#include "tower_fixture.hpp"

namespace lensbench {
namespace {

using lensbench::testing::largest;
using lensbench::testing::largest_difference;

/// A prompt with two pictures; cells replace activations by a constant.
class PictureSweeps : public testing::TowerTest {
 protected:
  std::int64_t length() const { return tokens.size(); }

  SweepCell cell(const std::string& point, std::int64_t block, std::int64_t position) const {
    const bool of_head = point == "z";
    const std::vector<std::int64_t> shape =
        of_head ? std::vector<std::int64_t>{1, 1, 1} : std::vector<std::int64_t>{1, 1};
    return {{{.point = point,
              .block = block,
              .positions = {position},
              .values = at::full(shape, 0.3)}}};
  }

  /// Logits of a few tokens.
  RowMetrics metrics() const {
    return [this](const at::Tensor& rows) {
      return model->unembed(model->final_norm(rows)).narrow(1, 0, 4);
    };
  }

  void expect_definition(const std::vector<SweepCell>& cells, const SweepOptions& options) const {
    const SweepResult found = sweep_cells(*model, tokens, cells, metrics(), options);
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const at::Tensor alone = run_cell_alone(*model, tokens, cells[i], metrics(), options);
      const at::Tensor swept = found.metrics.select(1, static_cast<std::int64_t>(i));
      // Float32 products in batches of other sizes.
      EXPECT_LE(largest_difference(swept, alone), 2e-5 * std::max(1.0, largest(alone))) << i;
    }
  }

  /// Position of a token of the first picture.
  std::int64_t in_picture() const {
    const auto found = std::find(tokens.ids.begin(), tokens.ids.end(), spec.image_token_id);
    return found - tokens.ids.begin() + 1;
  }
};

TEST_P(PictureSweeps, AreOneWholeForwardForEachCell) {
  std::vector<SweepCell> cells;
  for (const char* point : {"resid_pre", "mlp_out", "z"})
    for (std::int64_t block = 0; block < model->spec().n_layers; ++block)
      for (std::int64_t position = 0; position < length(); position += 3)
        cells.push_back(cell(point, block, position));
  expect_definition(cells, {});
}

TEST_P(PictureSweeps, HaveMetricsWithinAPicture) {
  SweepOptions options;
  options.metric_position = in_picture() + 1;
  std::vector<SweepCell> cells;
  for (const std::int64_t position : {std::int64_t{0}, in_picture(), length() - 1})
    cells.push_back(cell("resid_pre", 0, position));
  expect_definition(cells, options);
}

TEST_P(PictureSweeps, ChangeWhatFollowsATokenOfAPicture) {
  const SweepResult found =
      sweep_cells(*model, tokens, {cell("resid_pre", 0, in_picture())}, metrics(), {});
  EXPECT_GT(largest_difference(found.metrics.select(1, 0), found.base_metrics), 1e-4);
}

TEST_P(PictureSweeps, RunWholePromptsOnlyForCellsBeforeTheEndOfAPicture) {
  const std::int64_t layers = model->spec().n_layers;
  const auto position_blocks = [&](std::int64_t position) {
    return sweep_cells(*model, tokens, {cell("resid_pre", 0, position)}, metrics(), {})
        .position_blocks;
  };
  EXPECT_EQ(position_blocks(in_picture()), layers * length());
  EXPECT_EQ(position_blocks(length() - 1), layers);
}

INSTANTIATE_TEST_SUITE_P(Towers, PictureSweeps, ::testing::Values("qwen2_vl", "qwen2_5_vl"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace lensbench
