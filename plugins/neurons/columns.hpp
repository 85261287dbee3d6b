#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <cstdint>
#include <vector>

#include "common/coordinates.hpp"

namespace lensbench::neurons {

/// Numbers in C order, in a shape.
template <class Number>
at::Tensor shaped(const std::vector<Number>& values, const std::vector<std::int64_t>& shape) {
  return at::tensor(values).view(shape);
}

}  // namespace lensbench::neurons
