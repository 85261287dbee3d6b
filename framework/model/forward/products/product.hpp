#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "model/forward/products/loops.hpp"
#include "model/weights/quantized_tensor.hpp"

namespace lensbench::products {

/// Part of a quantized matrix: its columns are the inputs of a weight that is by output, and its
/// outputs else.
struct QuantizedPart {
  const QuantizedMatrix* matrix = nullptr;
  at::ScalarType rounded = at::kFloat;  ///< type of the model
  std::int64_t first_row = 0, row_step = 1, first_column = 0;
};

/// A weight that is read where it is: float32, bfloat16 or float16 on the CPU, in one of the two
/// layouts of checkpoints, or quantized.
struct Matrix {
  const void* data;
  WeightType type;
  bool by_output;       ///< inputs of an output are adjacent, as in a transposed view of [out, in]
  std::int64_t stride;  ///< elements between outputs, or between inputs
  std::int64_t in, out;
  /// Set for a quantized weight, which has neither `data` nor `stride`. What is read of it is
  /// float32, the `type`.
  QuantizedPart quantized = {};

  bool is_quantized() const { return quantized.matrix != nullptr; }
  /// Makes the weights of some inputs and outputs of a quantized weight: [output][input] if it is
  /// by output, else [input][output].
  void read(std::int64_t first_input, std::int64_t inputs, std::int64_t first_output,
            std::int64_t outputs, float* to) const;

  std::int64_t element_bytes() const { return type == WeightType::float32 ? 4 : 2; }
  /// Address of the weight of one input and output; not for a quantized weight.
  const void* at(std::int64_t input, std::int64_t output) const {
    const std::int64_t element = by_output ? output * stride + input : input * stride + output;
    return static_cast<const char*>(data) + element * element_bytes();
  }
};

/// \param weight  [in, out], any strides
/// \return nullopt for another device, element type or layout
std::optional<Matrix> matrix_of(const at::Tensor& weight);

/// Rows up to which the weight is multiplied as it is read; more rows repay a packed tile.
inline constexpr std::int64_t kFewRows = 4;

/// x · weight in float32 with every weight read once from memory and widened in registers. Elements
/// are summed in an order that depends on the shape alone, so results do not depend on threads.
/// \param x  [row, in] float32 on the CPU, at most kFewRows rows for speed
/// \param weight  by output if it is quantized
/// \return [row, out] float32
at::Tensor few_rows(const at::Tensor& x, const Matrix& weight, const Loops& loops = best_loops());

/// Product of many rows with the weight: its tiles are widened into a buffer of each thread that
/// fits its second-level cache, and multiplied there. Nothing of the size of the weight is made.
at::Tensor many_rows(const at::Tensor& x, const Matrix& weight, const Loops& loops = best_loops());

/// Product with a quantized weight, of which some rows at a time are made as float32. It can be
/// differentiated by x: that gradient is a product of the same kind, so that a graph does not hold
/// widened weights.
/// \param x  [row, in] float32 on the CPU
/// \param weight  [in, out] quantized, a view for which `matrix_of` has a result
at::Tensor quantized_product(const at::Tensor& x, const at::Tensor& weight);

}  // namespace lensbench::products
