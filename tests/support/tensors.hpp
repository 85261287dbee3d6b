#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <cstdint>
#include <vector>

namespace lensbench::testing {

/// Largest absolute value of a tensor; 0 if it has no element.
inline double largest(const at::Tensor& x) {
  return x.numel() == 0 ? 0.0 : x.to(at::kDouble).abs().max().item<double>();
}

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return largest(a.to(at::kDouble) - b.to(at::kDouble));
}

/// Token ids [batch, position] of rows of one length.
inline at::Tensor rows_of(const std::vector<std::vector<std::int64_t>>& rows) {
  std::vector<at::Tensor> tensors;
  for (const auto& row : rows) tensors.push_back(at::tensor(row, at::kLong));
  return at::stack(tensors);
}

}  // namespace lensbench::testing
