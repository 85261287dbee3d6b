#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "checkpoint/quantized/quantized_matrix.hpp"

namespace lensbench {

/// A quantized matrix as a weight: a tensor [rows, columns] of the device `meta`, which has a
/// shape, strides and the type of the model but no numbers. It and all its views refer to the
/// matrix, so that families slice and transpose it like any other weight. Its numbers are those of
/// the matrix rounded to the type.
at::Tensor quantized_tensor(std::shared_ptr<const QuantizedMatrix> matrix, at::ScalarType type);

/// The matrix that a tensor is a view of; nullptr for any other tensor.
const QuantizedMatrix* quantized_matrix(const at::Tensor& tensor);

inline bool is_quantized(const at::Tensor& tensor) {
  return quantized_matrix(tensor) != nullptr;
}

/// Elements [first, first + count) of a row of a quantized weight, rounded to the type and widened.
void read_rounded(const QuantizedMatrix& matrix, at::ScalarType type, std::int64_t row,
                  std::int64_t first, std::int64_t count, float* to);

/// A weight whose numbers can be read: a plain one itself, a copy of the part of a quantized one.
at::Tensor readable(const at::Tensor& weight);

/// Bytes of the file that a weight, or its part of a quantized matrix, has.
std::int64_t stored_bytes(const at::Tensor& weight);

}  // namespace lensbench
