#include "gradient.hpp"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <vector>

#include "active.hpp"

namespace lensbench::dictionaries {
namespace {

constexpr std::int64_t kProductBytes = std::int64_t{1} << 25;  ///< size of a tile of rows
constexpr std::int64_t kLanes = 8;  ///< sums that the compiler adds side by side

float dot(const float* a, const float* b, std::int64_t count) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  float sum = 0;
  for (; i < count; ++i) sum += a[i] * b[i];
  for (const float lane : lanes) sum += lane;
  return sum;
}

ActiveFeatures active_of(const at::Tensor& products, const at::Tensor& bias, std::int64_t k) {
  const float* const first = products.data_ptr<float>();
  const float* const biases = bias.data_ptr<float>();
  const std::int64_t features = products.size(1);
  return collect_active(products.size(0), [&](std::int64_t row, std::vector<ActiveEntry>& entries) {
    largest(first + row * features, biases, nullptr, features, k, entries);
  });
}

/// Gradient of each activation: the product of its decoder row and the gradient of the output.
at::Tensor gradient_of_entries(const ActiveFeatures& active, const at::Tensor& decoder,
                               const at::Tensor& gradient) {
  at::Tensor found = at::empty_like(active.values);
  const std::int64_t width = decoder.size(1);
  const auto* offsets = active.offsets.data_ptr<std::int64_t>();
  const auto* ids = active.ids.data_ptr<std::int64_t>();
  const float* const rows = decoder.data_ptr<float>();
  const float* const outputs = gradient.data_ptr<float>();
  auto* out = found.data_ptr<float>();
  at::parallel_for(0, active.rows(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      for (std::int64_t e = offsets[row]; e < offsets[row + 1]; ++e)
        out[e] = dot(outputs + row * width, rows + ids[e] * width, width);
  });
  return found;
}

/// A tile of rows of a step.
struct Tile {
  at::Tensor rows;      ///< [row, d] less the decoder's bias
  at::Tensor products;  ///< [row, feature] of rows and encoder, without its bias
  double factor;        ///< factor in the gradient of a squared error
};

/// Adds the part of the active features. \return the error [row, d] that they leave
at::Tensor add_active(const Weights& weights, const Tile& tile, std::int64_t k,
                      LossGradient& found) {
  const ActiveFeatures active = active_of(tile.products, weights.encoder_bias, k);
  const at::Tensor error = tile.rows - weighted_rows(weights.decoder, active);
  const at::Tensor gradient = error * -tile.factor;
  const at::Tensor of_entries = gradient_of_entries(active, weights.decoder, gradient);
  at::Tensor numbers;
  const ActiveFeatures sorted = by_feature(active, weights.decoder.size(0), &numbers);
  found.gradient.decoder.add_(weighted_rows(gradient, sorted));
  found.gradient.encoder.add_(
      weighted_rows(tile.rows, {sorted.offsets, sorted.ids, of_entries.index_select(0, numbers)}));
  found.gradient.encoder_bias.index_add_(0, active.ids, of_entries);
  found.gradient.decoder_bias.add_(gradient.sum(0));
  found.active.index_fill_(0, active.ids, true);
  found.squared_error += error.to(at::kDouble).square().sum().item<double>();
  return error;
}

/// Adds the part of dead features, which rebuild the error of the others.
void add_dead(const Weights& weights, const Tile& tile, const at::Tensor& error,
              const LossSettings& settings, LossGradient& found) {
  const at::Tensor& dead = settings.dead;
  const std::int64_t wanted = std::max<std::int64_t>(1, weights.decoder.size(1) / 2);
  const std::int64_t k = std::min(wanted, dead.size(0));
  const double weight = settings.auxiliary * static_cast<double>(k) / static_cast<double>(wanted);
  const at::Tensor decoder = weights.decoder.index_select(0, dead);
  const at::Tensor products =
      tile.products.index_select(1, dead) + weights.encoder_bias.index_select(0, dead);
  const auto [values, where] = at::topk(products, k, 1);
  const at::Tensor kept = at::zeros_like(products).scatter_(1, where, values);
  const at::Tensor left = at::mm(kept, decoder) - error;
  const at::Tensor gradient = left * (tile.factor * weight);
  const at::Tensor all = at::mm(gradient, decoder.t());
  const at::Tensor of_products = at::zeros_like(all).scatter_(1, where, all.gather(1, where));
  found.gradient.decoder.index_add_(0, dead, at::mm(kept.t(), gradient));
  found.gradient.encoder.index_add_(0, dead, at::mm(of_products.t(), tile.rows));
  found.gradient.encoder_bias.index_add_(0, dead, of_products.sum(0));
  found.loss += weight * left.to(at::kDouble).square().sum().item<double>() * tile.factor / 2;
}

}  // namespace

Weights Weights::zero(std::int64_t features, std::int64_t width) {
  return {at::zeros({features, width}), at::zeros({features}), at::zeros({features, width}),
          at::zeros({width})};
}

LossGradient loss_gradient(const Weights& weights, const at::Tensor& rows,
                           const LossSettings& settings) {
  const std::int64_t features = weights.encoder.size(0), n = rows.size(0), width = rows.size(1);
  LossGradient found{Weights::zero(features, width), 0, 0, at::zeros({features}, at::kBool)};
  const std::int64_t size = std::max<std::int64_t>(1, kProductBytes / (4 * features));
  const double factor = 2.0 / static_cast<double>(n * width);
  const bool revives =
      settings.auxiliary > 0 && settings.dead.defined() && settings.dead.size(0) > 0;
  for (std::int64_t first = 0; first < n; first += size) {
    Tile tile{rows.narrow(0, first, std::min(size, n - first)) - weights.decoder_bias, {}, factor};
    tile.products = at::mm(tile.rows, weights.encoder.t());
    const at::Tensor error = add_active(weights, tile, settings.k, found);
    if (revives) add_dead(weights, tile, error, settings, found);
  }
  found.loss += found.squared_error * factor / 2;
  // The encoder reads rows less the decoder's bias.
  found.gradient.decoder_bias.sub_(at::mv(weights.encoder.t(), found.gradient.encoder_bias));
  return found;
}

}  // namespace lensbench::dictionaries
