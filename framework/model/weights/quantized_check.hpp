#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/quantized/quantized_matrix.hpp"

namespace lensbench {

/// A quantized matrix of a model.
struct QuantizedWeight {
  std::string name;  ///< of the plain matrix
  std::shared_ptr<const QuantizedMatrix> matrix;
};

/// Checks that every number of quantized matrices is finite in the type of the model, by the codes
/// and the scales; products are made only where a scale is large enough to leave the type's range.
/// The values of scales in floating point are checked like those of other tensors, not here.
/// \throws InputError that names directory, matrix and element
void require_sound(const std::filesystem::path& directory,
                   const std::vector<QuantizedWeight>& weights, at::ScalarType type);

}  // namespace lensbench
