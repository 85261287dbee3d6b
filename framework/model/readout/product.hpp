#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "model/readout/kernel.hpp"

namespace lensbench::readout {

/// The product of a block of rows with tiles of the unembedding, in float32.
///
/// The BLAS is not used, because every element must be summed in the same order at every
/// position and on every thread. Equal rows of the unembedding then tie exactly, and results do not
/// depend on threads; OpenBLAS gives neither. Half-precision weights are widened while they are
/// packed, which is exact. Blocking follows Goto and van de Geijn (2008).
class Product {
 public:
  /// \param inputs       [row, d_model] float32, contiguous, on the CPU
  /// \param block_rows   rows of a block; the last block may have fewer
  /// \param most_columns columns of the widest tile
  Product(const Kernel& kernel, const at::Tensor& inputs, std::int64_t block_rows,
          std::int64_t most_columns);

  /// Selects columns [first, first + columns) of the product, the tile of `multiply`.
  /// \param weight  [vocab, d_model]
  void set_tile(const at::Tensor& weight, std::int64_t first, std::int64_t columns);

  /// Computes logits[row, column] = inputs[row] · weight[first + column] for the rows of one block.
  /// The result fits the second-level cache.
  /// \return the block's first row; rows are `stride()` apart; valid until the next call
  float* multiply(std::int64_t block);

  std::int64_t stride() const { return stride_; }
  std::int64_t blocks() const { return blocks_; }
  std::int64_t rows_of(std::int64_t block) const;

 private:
  void pack_inputs(const float* inputs);

  const Kernel& kernel_;
  std::int64_t rows_, width_, block_rows_, blocks_, padded_block_rows_, stride_;
  std::int64_t columns_ = 0;
  std::int64_t k_block_;        // terms summed before a partial sum is stored
  std::vector<float> inputs_;   // [block][k block][row group][k][row of the group]
  std::vector<float> weights_;  // [k block][column group][k][kLanes]
  std::vector<float> logits_;   // [row of a block, stride]
};

}  // namespace lensbench::readout
