#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "model/forward/products/loops.hpp"

namespace lensbench::products {

/// A weight that is read where it is: float32, bfloat16 or float16 on the CPU, in one of the two
/// layouts of checkpoints.
struct Matrix {
  const void* data;
  WeightType type;
  bool by_output;       ///< inputs of an output are adjacent, as in a transposed view of [out, in]
  std::int64_t stride;  ///< elements between outputs, or between inputs
  std::int64_t in, out;

  std::int64_t element_bytes() const { return type == WeightType::float32 ? 4 : 2; }
  /// Address of the weight of one input and output.
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
/// \return [row, out] float32
at::Tensor few_rows(const at::Tensor& x, const Matrix& weight, const Loops& loops = best_loops());

/// Product of many rows with the weight: its tiles are widened into a buffer of each thread that
/// fits its second-level cache, and multiplied there. Nothing of the size of the weight is made.
at::Tensor many_rows(const at::Tensor& x, const Matrix& weight, const Loops& loops = best_loops());

}  // namespace lensbench::products
