#include "model/readout_product.hpp"

#include <ATen/ATen.h>

#include <algorithm>

namespace lensbench::readout {
namespace {

constexpr std::int64_t kMostTerms = 384;   // a column group of weights (24 KiB) stays in L1
constexpr std::int64_t kRowsInCache = 96;  // with their inputs (144 KiB) in L2
constexpr std::int64_t kRowPadding = 12;   // a multiple of every kernel's product_rows

std::int64_t round_up(std::int64_t n, std::int64_t step) {
  return (n + step - 1) / step * step;
}

std::int64_t k_block_of(std::int64_t width) {
  const std::int64_t n_blocks = (width + kMostTerms - 1) / kMostTerms;
  return (width + n_blocks - 1) / n_blocks;
}

// [column, k] -> [column group][k][lane], missing columns 0.
template <class T>
void pack(const T* weight, std::int64_t width, std::int64_t columns, std::int64_t k,
          float* packed) {
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

Product::Product(const Kernel& kernel, const at::Tensor& inputs, std::int64_t most_columns)
    : kernel_(kernel),
      rows_(inputs.size(0)),
      width_(inputs.size(1)),
      padded_rows_(round_up(rows_, kRowPadding)),
      stride_(padded(most_columns)),
      k_block_(k_block_of(width_)),
      inputs_(static_cast<std::size_t>(padded_rows_ * width_)),
      weights_(static_cast<std::size_t>(stride_ * k_block_)),
      logits_(static_cast<std::size_t>(padded_rows_ * stride_)) {
  pack_inputs(inputs.data_ptr<float>());
}

void Product::pack_inputs(const float* inputs) {
  const std::int64_t group = kernel_.product_rows;
  float* packed = inputs_.data();
  for (std::int64_t k_begin = 0; k_begin < width_; k_begin += k_block_) {
    const std::int64_t k = std::min(k_block_, width_ - k_begin);
    for (std::int64_t row = 0; row < padded_rows_; row += group)
      for (std::int64_t i = 0; i < k; ++i)
        for (std::int64_t r = row; r < row + group; ++r)
          *packed++ = r < rows_ ? inputs[r * width_ + k_begin + i] : 0.0F;
  }
}

void Product::pack_weight(const at::Tensor& weight, std::int64_t first, std::int64_t columns,
                          std::int64_t k_begin, std::int64_t k) {
  const auto direct = [&]<class T>(const T* data) {
    pack(data + first * width_ + k_begin, width_, columns, k, weights_.data());
  };
  if (weight.is_cpu() && weight.is_contiguous()) {
    if (weight.scalar_type() == at::kFloat) return direct(weight.data_ptr<float>());
    if (weight.scalar_type() == at::kBFloat16) return direct(weight.data_ptr<at::BFloat16>());
    if (weight.scalar_type() == at::kHalf) return direct(weight.data_ptr<at::Half>());
  }
  const at::Tensor tile = weight.narrow(0, first, columns)
                              .narrow(1, k_begin, k)
                              .to(at::Device(at::kCPU), at::kFloat)
                              .contiguous();
  pack(tile.data_ptr<float>(), k, columns, k, weights_.data());
}

float* Product::multiply(const at::Tensor& weight, std::int64_t first, std::int64_t columns) {
  const std::int64_t group = kernel_.product_rows;
  const float* inputs = inputs_.data();
  for (std::int64_t k_begin = 0; k_begin < width_; k_begin += k_block_) {
    const std::int64_t k = std::min(k_block_, width_ - k_begin);
    pack_weight(weight, first, columns, k_begin, k);
    for (std::int64_t block = 0; block < padded_rows_; block += kRowsInCache) {
      const std::int64_t block_end = std::min(padded_rows_, block + kRowsInCache);
      for (std::int64_t column = 0; column < columns; column += kLanes)
        for (std::int64_t row = block; row < block_end; row += group)
          kernel_.product(k, inputs + row * k, weights_.data() + column * k,
                          logits_.data() + row * stride_ + column, stride_, k_begin > 0);
    }
    inputs += padded_rows_ * k;
  }
  return logits_.data();
}

}  // namespace lensbench::readout
