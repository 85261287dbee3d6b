#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.hpp"
#include "checkpoint/quantized/quantized_matrix.hpp"

namespace lensbench {

/// A matrix of a checkpoint, with the tensors that it is made of.
struct QuantizedParts {
  std::shared_ptr<const QuantizedMatrix> matrix;
  std::vector<std::string> names;  ///< tensors that the matrix is read from
  std::vector<std::string> idle;   ///< tensors that belong to it and change nothing
};

/// Name of the tensor with the codes of a matrix: `q_proj.qweight` for `q_proj.weight` of GPTQ.
std::string codes_name(const Quantization& quantization, const std::string& name);

/// Whether a checkpoint stores a matrix in quantized form. A checkpoint with quantized matrices may
/// have plain ones too.
bool is_stored_quantized(const Checkpoint& checkpoint, const std::string& name);

/// Opens a matrix that is stored in quantized form. Shapes, types and the order of groups are
/// checked; of the numbers, none is read.
/// \param name  as of the plain matrix
/// \param shape  of the plain tensor: [out, in], and for MXFP4 [expert, in, out]
/// \throws InputError that names the directory, the tensor and what to do
QuantizedParts open_quantized(const Checkpoint& checkpoint, const std::string& name,
                              const std::vector<std::int64_t>& shape);

/// Number of weights that an element of a stored tensor stands for: 8 for a word of 4-bit codes, 0
/// for scales and zeros, 1 for plain weights.
std::int64_t weights_per_element(const Quantization& quantization, std::string_view name);

}  // namespace lensbench
