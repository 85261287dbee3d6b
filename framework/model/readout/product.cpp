#include "model/readout/product.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>

namespace lensbench::readout {
namespace {

constexpr std::int64_t kMostTerms = 384;  // a column group of weights (24 KiB) stays in L1

std::int64_t round_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

/// Terms that are summed before a partial sum is stored, in blocks of nearly equal size.
std::int64_t k_block_of(std::int64_t width) {
  const std::int64_t n_blocks = (width + kMostTerms - 1) / kMostTerms;
  return (width + n_blocks - 1) / n_blocks;
}

// Packs [column, k] as [column group][k][lane], with zeros for missing columns.
template <class T>
void pack(const T* weight, std::int64_t width, std::int64_t columns, std::int64_t k,
          float* packed) {
  // The columns are rows of the weight, width apart; reading a run of each keeps the reads within
  // few cache lines.
  constexpr std::int64_t kRun = 16;  // a cache line of each column at a time
  for (std::int64_t group = 0; group < columns; group += kLanes, packed += k * kLanes) {
    const std::int64_t lanes = std::min(kLanes, columns - group);
    if (lanes < kLanes) std::fill(packed, packed + k * kLanes, 0.0F);
    for (std::int64_t run = 0; run < k; run += kRun) {
      const std::int64_t end = std::min(k, run + kRun);
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const T* from = weight + (group + lane) * width;
        for (std::int64_t i = run; i < end; ++i)
          packed[i * kLanes + lane] = static_cast<float>(from[i]);
      }
    }
  }
}

}  // namespace

Product::Product(const Kernel& kernel, const at::Tensor& inputs, std::int64_t block_rows,
                 std::int64_t most_columns)
    : kernel_(kernel),
      rows_(inputs.size(0)),
      width_(inputs.size(1)),
      block_rows_(block_rows),
      blocks_((rows_ + block_rows - 1) / block_rows),
      padded_block_rows_(round_up(block_rows, kernel.product_rows)),
      stride_(padded(most_columns)),
      k_block_(k_block_of(width_)),
      inputs_(static_cast<std::size_t>(blocks_ * padded_block_rows_ * width_)),
      weights_(static_cast<std::size_t>(stride_ * width_)),
      logits_(static_cast<std::size_t>(padded_block_rows_ * stride_)) {
  pack_inputs(inputs.data_ptr<float>());
}

std::int64_t Product::rows_of(std::int64_t block) const {
  return std::min(block_rows_, rows_ - block * block_rows_);
}

/// Layout [block][k block][row group][k][row]: the kernel reads it strictly in order. Missing rows
/// are zeros, so that the kernel has no case for them.
void Product::pack_inputs(const float* inputs) {
  const std::int64_t group = kernel_.product_rows;
  float* packed = inputs_.data();
  for (std::int64_t block = 0; block < blocks_; ++block)
    for (std::int64_t k_begin = 0; k_begin < width_; k_begin += k_block_) {
      const std::int64_t k = std::min(k_block_, width_ - k_begin);
      for (std::int64_t first = 0; first < padded_block_rows_; first += group)
        for (std::int64_t i = k_begin; i < k_begin + k; ++i)
          for (std::int64_t row = first; row < first + group; ++row)
            *packed++ = row < rows_of(block) ? inputs[(block * block_rows_ + row) * width_ + i] : 0;
    }
}

/// The tile is packed once and used by all blocks of rows.
void Product::set_tile(const at::Tensor& weight, std::int64_t first, std::int64_t columns) {
  columns_ = columns;
  const auto pack_all = [&]<class T>(const T* tile) {
    float* packed = weights_.data();
    for (std::int64_t k_begin = 0; k_begin < width_; k_begin += k_block_) {
      const std::int64_t k = std::min(k_block_, width_ - k_begin);
      pack(tile + k_begin, width_, columns, k, packed);
      packed += padded(columns) * k;
    }
  };
  const std::int64_t offset = first * width_;
  // Mapped weights are read where they are, in their own type.
  if (weight.is_cpu() && weight.is_contiguous()) {
    if (weight.scalar_type() == at::kFloat) return pack_all(weight.data_ptr<float>() + offset);
    if (weight.scalar_type() == at::kBFloat16)
      return pack_all(weight.data_ptr<at::BFloat16>() + offset);
    if (weight.scalar_type() == at::kHalf) return pack_all(weight.data_ptr<at::Half>() + offset);
  }
  // Weights of another device or layout are fetched one tile at a time.
  const at::Tensor tile =
      weight.narrow(0, first, columns).to(at::Device(at::kCPU), at::kFloat).contiguous();
  pack_all(tile.data_ptr<float>());
}

float* Product::multiply(std::int64_t block) {
  const std::int64_t group = kernel_.product_rows;
  const std::int64_t rows = round_up(rows_of(block), group);
  const float* inputs = inputs_.data() + block * padded_block_rows_ * width_;
  const float* weights = weights_.data();
  // Each k block adds to the sums of the one before, so every element is a sum in the order of k.
  for (std::int64_t k_begin = 0; k_begin < width_; k_begin += k_block_) {
    const std::int64_t k = std::min(k_block_, width_ - k_begin);
    for (std::int64_t column = 0; column < columns_; column += kLanes)
      for (std::int64_t row = 0; row < rows; row += group)
        kernel_.product(k, inputs + row * k, weights + column * k,
                        logits_.data() + row * stride_ + column, stride_, k_begin > 0);
    inputs += padded_block_rows_ * k;
    weights += padded(columns_) * k;
  }
  return logits_.data();
}

}  // namespace lensbench::readout
