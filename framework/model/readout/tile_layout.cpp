#include "model/readout/tile_layout.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>

#include "model/readout/kernel.hpp"

namespace lensbench::readout {
namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

// Number of positions whose rows (all layers) are multiplied and reduced together: about 80 rows,
// so that inputs and logits stay in the second-level cache, and close to a multiple of the row
// group.
std::int64_t rows_in_cache(std::int64_t layers) {
  // kGroup is a row group of the AVX2 kernel; wasted rows are multiplied and thrown away.
  constexpr std::int64_t kMost = 84, kGroup = 6;
  std::int64_t best = 1;
  const auto waste = [layers](std::int64_t rows) {
    return static_cast<double>(divide_up(rows * layers, kGroup) * kGroup) /
           static_cast<double>(rows * layers);
  };
  for (std::int64_t rows = 2; rows * layers <= kMost; ++rows)
    // If numbers are equally good, the larger one reuses the packed weights more often.
    if (waste(rows) <= waste(best)) best = rows;
  return best;
}

// Interval around the float64 logit, as wide as the bound on the rounding error of a float32 dot
// product of n terms, n u sum |x_i w_i| (Higham 2002, section 3.1), and of the steps after it.
Band target_band(const Unembedding& unembedding, const float* x, const float* w, std::int64_t n,
                 double bias) {
  constexpr double kUnit = 6.0e-8;
  double dot = 0, magnitude = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const double term = static_cast<double>(x[i]) * static_cast<double>(w[i]);
    dot += term;
    magnitude += std::abs(term);
  }
  const double scale = unembedding.logit_scale;
  double z = (dot + bias) * scale;
  const double raw = std::abs(z);
  if (const double cap = unembedding.logit_softcap; cap > 0) z = cap * std::tanh(z / cap);
  const double error =
      1.01 * static_cast<double>(n) * kUnit * (magnitude + std::abs(bias)) * std::abs(scale) +
      16 * kUnit * raw + 1e-30;
  return {std::nextafterf(static_cast<float>(z - error), -INFINITY),
          std::nextafterf(static_cast<float>(z + error), INFINITY)};
}

}  // namespace

/// Columns per tile, rows per block and tiles per chunk.
TileLayout make_tile_layout(std::int64_t layers, std::int64_t rows, std::int64_t d_model,
                            std::int64_t vocab) {
  constexpr std::int64_t kTileColumns = 768;   // 3 KiB a row: the reduction stays in L1
  constexpr std::int64_t kProductRows = 1664;  // enough rows to outweigh packing the weights
  constexpr std::int64_t kElements = std::int64_t{1} << 22;  // elements of one operand: 16 MiB
  constexpr std::int64_t kWorkItems = 16;  // work for up to this number of threads
  TileLayout layout;
  layout.layers = layers;
  layout.rows = rows;
  layout.d_model = d_model;
  layout.vocab = vocab;
  const std::int64_t widest = std::clamp(kElements / d_model, std::int64_t{64}, kTileColumns);
  // Tiles of nearly equal width, a multiple of the kernel's lanes.
  layout.tile = padded(divide_up(vocab, divide_up(vocab, widest)));
  layout.tiles = divide_up(vocab, layout.tile);
  const std::int64_t product_rows = std::clamp(kElements / d_model, std::int64_t{64}, kProductRows);
  layout.rows_per_block = std::clamp(product_rows / layers, std::int64_t{1}, rows);
  layout.rows_in_cache = rows_in_cache(layers);
  layout.blocks = divide_up(rows, layout.rows_per_block);
  layout.tiles_per_chunk = divide_up(layout.tiles, std::min(layout.tiles, kWorkItems));
  layout.chunks = divide_up(layout.tiles, layout.tiles_per_chunk);
  // With many blocks of rows, a thread reads several chunks with the rows that it has packed.
  layout.chunks_per_item =
      divide_up(layout.chunks, std::min(layout.chunks, divide_up(kWorkItems, layout.blocks)));
  layout.items = divide_up(layout.chunks, layout.chunks_per_item);
  return layout;
}

Targets make_targets(const Unembedding& unembedding, const at::Tensor& normalized,
                     const TileLayout& layout, const at::Tensor& ids) {
  Targets targets;
  if (!ids.defined()) return targets;
  targets.count = ids.numel() / layout.rows;
  targets.ids.assign(ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + ids.numel());
  targets.tensor = ids;
  const std::int64_t entries = layout.layers * layout.rows;
  targets.bands.resize(static_cast<std::size_t>(targets.count * entries));
  // Only the rows of the targets are fetched, not the unembedding.
  const at::Tensor device_ids = ids.flatten().to(unembedding.weight.device());
  const at::Tensor weights = unembedding.weight.index_select(0, device_ids)
                                 .to(at::Device(at::kCPU), at::kFloat)
                                 .contiguous();
  at::Tensor biases;
  if (unembedding.bias.defined())
    biases = unembedding.bias.index_select(0, device_ids)
                 .to(at::Device(at::kCPU), at::kDouble)
                 .contiguous();
  const float* x = normalized.data_ptr<float>();
  const float* w = weights.data_ptr<float>();
  const double* b = biases.defined() ? biases.data_ptr<double>() : nullptr;
  for (std::int64_t i = 0; i < targets.count * entries; ++i) {
    const std::int64_t id = i / entries * layout.rows + i % layout.rows;
    targets.bands[static_cast<std::size_t>(i)] =
        target_band(unembedding, x + i % entries * layout.d_model, w + id * layout.d_model,
                    layout.d_model, b != nullptr ? b[id] : 0.0);
  }
  return targets;
}

}  // namespace lensbench::readout
