#include "model/readout/tile_layout.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "model/readout/kernel.hpp"

namespace lensbench::readout {
namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

// Positions whose rows, all layers, are multiplied and reduced together: about 80 rows, so that
// inputs and logits stay in the second-level cache, and as near as may be to whole row groups.
std::int64_t rows_in_cache(std::int64_t layers) {
  constexpr std::int64_t kMost = 84, kGroup = 6;
  std::int64_t best = 1;
  const auto waste = [layers](std::int64_t rows) {
    return static_cast<double>(divide_up(rows * layers, kGroup) * kGroup) /
           static_cast<double>(rows * layers);
  };
  for (std::int64_t rows = 2; rows * layers <= kMost; ++rows)
    if (waste(rows) <= waste(best)) best = rows;
  return best;
}

// Bound of the rounding error of a float32 dot product of n terms, n u sum |x_i w_i| (Higham 2002,
// section 3.1), and of what follows it.
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

Plan make_plan(std::int64_t layers, std::int64_t rows, std::int64_t d_model, std::int64_t vocab) {
  constexpr std::int64_t kTileColumns = 768;   // 4 KiB a row: the epilogue stays in L1
  constexpr std::int64_t kProductRows = 1664;  // enough to repay packing the weights
  constexpr std::int64_t kElements = std::int64_t{1} << 22;  // of one operand: 16 MiB
  constexpr std::int64_t kUnits = 16;                        // work for as many threads
  Plan plan;
  plan.layers = layers;
  plan.rows = rows;
  plan.d_model = d_model;
  plan.vocab = vocab;
  const std::int64_t widest = std::clamp(kElements / d_model, std::int64_t{64}, kTileColumns);
  plan.tile = padded(divide_up(vocab, divide_up(vocab, widest)));
  plan.tiles = divide_up(vocab, plan.tile);
  const std::int64_t product_rows = std::clamp(kElements / d_model, std::int64_t{64}, kProductRows);
  plan.rows_per_block = std::clamp(product_rows / layers, std::int64_t{1}, rows);
  plan.rows_in_cache = rows_in_cache(layers);
  plan.blocks = divide_up(rows, plan.rows_per_block);
  plan.tiles_per_chunk =
      divide_up(plan.tiles, std::min(plan.tiles, divide_up(kUnits, plan.blocks)));
  plan.chunks = divide_up(plan.tiles, plan.tiles_per_chunk);
  return plan;
}

Targets make_targets(const Unembedding& unembedding, const at::Tensor& normalized, const Plan& plan,
                     const at::Tensor& ids) {
  Targets targets;
  if (!ids.defined()) return targets;
  targets.ids.assign(ids.data_ptr<std::int64_t>(), ids.data_ptr<std::int64_t>() + plan.rows);
  targets.tensor = ids;
  targets.bands.resize(static_cast<std::size_t>(plan.layers * plan.rows));
  const at::Tensor device_ids = ids.to(unembedding.weight.device());
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
  for (std::int64_t i = 0; i < plan.layers * plan.rows; ++i) {
    const std::int64_t row = i % plan.rows;
    targets.bands[static_cast<std::size_t>(i)] =
        target_band(unembedding, x + i * plan.d_model, w + row * plan.d_model, plan.d_model,
                    b != nullptr ? b[row] : 0.0);
  }
  return targets;
}

}  // namespace lensbench::readout
