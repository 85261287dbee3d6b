#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "model/readout_kernel.hpp"

namespace lensbench::readout {

/// The product of a block of rows with tiles of the unembedding, in float32.
///
/// Our own rather than the BLAS's for one property: every element is summed in the same order
/// wherever it stands and whoever computes it. Equal rows of the unembedding then tie exactly, and
/// no bit depends on threads; with OpenBLAS both fail. Half-precision weights widen as they are
/// packed, which loses nothing. Blocking after Goto and van de Geijn (2008).
class Product {
 public:
  /// \param inputs  [row, d_model] float32, contiguous, on the CPU
  Product(const Kernel& kernel, const at::Tensor& inputs, std::int64_t most_columns);

  /// logits[row, column] = inputs[row] · weight[first + column].
  /// \param weight  [vocab, d_model]
  /// \return row 0; rows are `stride()` apart
  float* multiply(const at::Tensor& weight, std::int64_t first, std::int64_t columns);
  std::int64_t stride() const { return stride_; }

 private:
  void pack_inputs(const float* inputs);
  void pack_weight(const at::Tensor& weight, std::int64_t first, std::int64_t columns,
                   std::int64_t k_begin, std::int64_t k);

  const Kernel& kernel_;
  std::int64_t rows_, width_, padded_rows_, stride_;
  std::int64_t k_block_;        // terms summed before a partial sum goes back to the logits
  std::vector<float> inputs_;   // [k block][row group][k][row of the group]
  std::vector<float> weights_;  // of one k block: [column group][k][kLanes]
  std::vector<float> logits_;   // [padded row, stride]
};

}  // namespace lensbench::readout
