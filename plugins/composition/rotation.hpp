#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <vector>

namespace lensbench::composition {

/// Checks that the rotation of an offset can be read.
/// \throws UsageError for an offset that is negative, beyond the model's positions, or in a model
///   that does not rotate or whose queries pass a LayerNorm first
void check_offset(const TransformerSpec& spec, std::int64_t offset);

/// Rotation R [d_head, d_head] float64 of each block with which a rotary model compares a query and
/// a key that is `offset` positions before it: the score is q R kᵀ. It is read from forwards of the
/// single blocks, so it is the model's own rotation, whatever its kind.
/// \return empty for offset 0, where R is the identity
/// \throws UsageError under the conditions of `check_offset`
std::vector<at::Tensor> rotations(const Model& model, std::int64_t offset);

}  // namespace lensbench::composition
