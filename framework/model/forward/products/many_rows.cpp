#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "model/forward/products/product.hpp"
#include "model/readout/kernel.hpp"
#include "model/runtime/parallel.hpp"

// Blocking follows Goto and van de Geijn (2008), as in the readout. Every element is a sum in the
// order of the inputs, so the results do not depend on how the work is cut.

namespace lensbench::products {
namespace {

using readout::Kernel;

constexpr std::int64_t kMostTerms = 384;    // a column group of the weight (24 KiB) stays in L1
constexpr std::int64_t kBlockRows = 120;    // with kMostTerms, 180 KiB of inputs stay in L2
constexpr std::int64_t kMostColumns = 128;  // and 192 KiB of widened weights
constexpr std::int64_t kTasks = 16;         // work for up to this number of threads
constexpr std::int64_t kMostRows = 1024;    // bounds the copy of the inputs
constexpr std::int64_t kInline = 1 << 20;   // multiplications: some ten microseconds

std::int64_t divide_up(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}
std::int64_t round_up(std::int64_t n, std::int64_t step) {
  return divide_up(n, step) * step;
}

class TiledProduct {
 public:
  TiledProduct(const Matrix& weight, const Loops& loops, std::int64_t rows)
      : weight_(weight),
        loops_(loops.of(weight.type)),
        rows_(rows),
        group_(kernel_.product_rows),
        padded_rows_(round_up(rows, group_)),
        terms_(divide_up(weight.in, divide_up(weight.in, kMostTerms))),
        columns_(std::min(kMostColumns, readout::padded(divide_up(weight.out, kTasks)))),
        inputs_(static_cast<std::size_t>(padded_rows_ * weight.in)) {}

  /// \param x  [rows, in]
  /// \param y  [rows, out], overwritten
  void multiply(const float* x, float* y) {
    pack(x);
    for_each(divide_up(weight_.out, columns_), [&](std::int64_t tile) {
      multiply_tile(tile * columns_, std::min(columns_, weight_.out - tile * columns_), y);
    });
  }

 private:
  /// A product that takes less time than threads need to wake is made by this one.
  template <class Work>
  void for_each(std::int64_t count, const Work& work) const {
    if (rows_ * weight_.in * weight_.out > kInline) return for_each_parallel(count, work);
    for (std::int64_t task = 0; task < count; ++task) work(task);
  }

  /// Layout [block of terms][row group][term][row of the group]: the kernel reads it in order.
  void pack(const float* x) {
    constexpr std::int64_t kGroups = 4;  // groups of one task
    const std::int64_t groups = padded_rows_ / group_;
    for_each(divide_up(groups, kGroups), [&](std::int64_t task) {
      const std::int64_t end = std::min(groups, (task + 1) * kGroups);
      for (std::int64_t group = task * kGroups; group < end; ++group)
        for (std::int64_t begin = 0; begin < weight_.in; begin += terms_)
          pack_group(x, group * group_, begin, std::min(terms_, weight_.in - begin));
    });
  }

  void pack_group(const float* x, std::int64_t row, std::int64_t begin, std::int64_t terms) {
    float* packed = inputs_.data() + padded_rows_ * begin + row * terms;
    const std::int64_t present = std::min(group_, rows_ - row);
    for (std::int64_t r = 0; r < present; ++r) {
      const float* from = x + (row + r) * weight_.in + begin;
      for (std::int64_t i = 0; i < terms; ++i) packed[i * group_ + r] = from[i];
    }
    // Missing rows are zeros, so that the kernel has no case for them.
  }

  /// Widens some inputs and at most kLanes outputs of the weight. Of a quantized weight they are
  /// made first.
  void pack_weight(std::int64_t input, std::int64_t inputs, std::int64_t output,
                   std::int64_t outputs, float* packed) const {
    const auto pack = weight_.by_output ? loops_.pack_by_output : loops_.pack_by_input;
    if (!weight_.is_quantized()) {
      pack(weight_.at(input, output), weight_.stride, inputs, outputs, packed);
      return;
    }
    float made[kMostTerms * kLanes];
    weight_.read(input, inputs, output, outputs, made);
    pack(made, weight_.by_output ? inputs : outputs, inputs, outputs, packed);
  }

  void multiply_tile(std::int64_t first, std::int64_t columns, float* y) const {
    std::vector<float> packed(static_cast<std::size_t>(readout::padded(columns) * terms_));
    for (std::int64_t begin = 0; begin < weight_.in; begin += terms_) {
      const std::int64_t terms = std::min(terms_, weight_.in - begin);
      for (std::int64_t column = 0; column < columns; column += kLanes)
        pack_weight(begin, terms, first + column, std::min(kLanes, columns - column),
                    packed.data() + column * terms);
      for (std::int64_t row = 0; row < padded_rows_; row += kBlockRows)
        multiply_block(row, begin, terms, packed.data(), first, columns, y);
    }
  }

  /// Adds the terms of a block of inputs to the sums of a block of rows.
  void multiply_block(std::int64_t first_row, std::int64_t begin, std::int64_t terms,
                      const float* packed, std::int64_t first, std::int64_t columns,
                      float* y) const {
    const std::int64_t end = std::min(padded_rows_, first_row + kBlockRows);
    for (std::int64_t column = 0; column < columns; column += kLanes)
      for (std::int64_t row = first_row; row < end; row += group_) {
        const float* inputs = inputs_.data() + padded_rows_ * begin + row * terms;
        const float* weights = packed + column * terms;
        float* to = y + row * weight_.out + first + column;
        if (column + kLanes <= columns && row + group_ <= rows_)
          kernel_.product(terms, inputs, weights, to, weight_.out, begin > 0);
        else
          multiply_edge(terms, inputs, weights, to, std::min(group_, rows_ - row),
                        std::min(kLanes, columns - column), begin > 0);
      }
  }

  /// At the last rows and columns, the kernel's whole group is made apart.
  void multiply_edge(std::int64_t terms, const float* inputs, const float* weights, float* y,
                     std::int64_t rows, std::int64_t columns, bool accumulate) const {
    constexpr std::int64_t kMostGroup = 16;
    float sums[kMostGroup * kLanes] = {};
    const auto bytes = static_cast<std::size_t>(columns) * sizeof(float);
    if (accumulate)
      for (std::int64_t r = 0; r < rows; ++r)
        std::memcpy(sums + r * kLanes, y + r * weight_.out, bytes);
    kernel_.product(terms, inputs, weights, sums, kLanes, accumulate);
    for (std::int64_t r = 0; r < rows; ++r)
      std::memcpy(y + r * weight_.out, sums + r * kLanes, bytes);
  }

  const Kernel& kernel_ = readout::best_kernel();
  const Matrix& weight_;
  const TypeLoops& loops_;
  std::int64_t rows_, group_, padded_rows_, terms_, columns_;
  std::vector<float> inputs_;
};

static_assert(readout::kLanes == kLanes);

}  // namespace

at::Tensor many_rows(const at::Tensor& x, const Matrix& weight, const Loops& loops) {
  const at::Tensor inputs = x.contiguous();
  at::Tensor result = at::empty({x.size(0), weight.out}, x.options());
  if (weight.in == 0 || result.numel() == 0) return result.zero_();
  for (std::int64_t row = 0; row < x.size(0); row += kMostRows) {
    TiledProduct product(weight, loops, std::min(kMostRows, x.size(0) - row));
    product.multiply(inputs.data_ptr<float>() + row * weight.in,
                     result.data_ptr<float>() + row * weight.out);
  }
  return result;
}

}  // namespace lensbench::products
