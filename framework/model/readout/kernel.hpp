#pragma once

#include <cstdint>
#include <vector>

namespace lensbench::readout {

/// Columns of a block, whose largest logit `load_row` finds. Top-k and rank look only into blocks
/// that can matter.
inline constexpr std::int64_t kBlock = 64;
/// Rows of the kernel are padded to this many columns.
inline constexpr std::int64_t kLanes = 16;

constexpr std::int64_t padded(std::int64_t columns) {
  return (columns + kLanes - 1) / kLanes * kLanes;
}
constexpr std::int64_t blocks(std::int64_t columns) {
  return (columns + kBlock - 1) / kBlock;
}

/// One row of a tile in the form that the sums read: `values` padded with a number whose
/// exponential does not change a sum, and the largest value of each block.
struct Row {
  explicit Row(std::int64_t most_columns)
      : values(static_cast<std::size_t>(padded(most_columns))),
        block_max(static_cast<std::size_t>(blocks(most_columns))),
        block_within(block_max.size()) {}
  std::vector<float> values;
  std::vector<float> block_max;
  std::vector<char> block_within;
  std::int64_t columns = 0;
  float max = 0;
};

/// The reference row of a divergence: x = z - max and exp(x) of every column.
struct Reference {
  explicit Reference(std::int64_t most_columns)
      : shifted(static_cast<std::size_t>(padded(most_columns))),
        exponentials(static_cast<std::size_t>(padded(most_columns))) {}
  std::vector<float> shifted;
  std::vector<float> exponentials;
};

/// Sums over one row of a tile with x = z - max: float32 lanes of at most 16 terms, float64 beyond.
struct RowSums {
  double exponentials = 0;    ///< sum exp(x)
  double weighted = 0;        ///< sum exp(x) x
  double from_reference = 0;  ///< sum exp(x_ref) (x_ref - x)
};

/// Loops over a row for one instruction set, which only the processor determines. The relative
/// error of the exponential is below 2e-7, and sums do not depend on the number of threads.
struct Kernel {
  /// c[product_rows, kLanes] = (accumulate ? c : 0) + a · b, rows of c `stride` apart; each element
  /// a sum over k in order.
  /// \param a  [k][product_rows]
  /// \param b  [k][kLanes]
  void (*product)(std::int64_t k, const float* a, const float* b, float* c, std::int64_t stride,
                  bool accumulate);
  std::int64_t product_rows;
  /// Copies `columns` logits and finds their maxima.
  void (*load_row)(const float* logits, std::int64_t columns, Row& row);
  RowSums (*sum)(const Row& row);
  /// Sums of a row, which also becomes the reference of later rows.
  RowSums (*sum_reference)(const Row& row, Reference& reference);
  RowSums (*sum_against)(const Row& row, const Reference& reference);
  /// Columns with z > high; marks in `row.block_within` the blocks with one in [low, high].
  std::int64_t (*count)(Row& row, float low, float high);
};

/// The fastest set of loops that this processor supports.
const Kernel& best_kernel();
/// Every set of loops that this processor supports, for tests.
std::vector<const Kernel*> available_kernels();

}  // namespace lensbench::readout
