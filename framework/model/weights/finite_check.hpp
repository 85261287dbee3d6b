#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace lensbench {

struct NonFinite {
  std::size_t tensor;    ///< index into the list
  std::int64_t element;  ///< in row-major order
};

/// First NaN or infinity in a list of contiguous CPU tensors of floating-point numbers; nullopt if
/// all are finite. Runs on all threads, as fast as memory can be read.
std::optional<NonFinite> find_non_finite(const std::vector<at::Tensor>& tensors);

}  // namespace lensbench
