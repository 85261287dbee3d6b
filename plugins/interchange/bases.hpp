#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/random.hpp>
#include <string>
#include <vector>

namespace lensbench::interchange {

// Subspaces as matrices [width, rank] float64 with orthonormal columns.

/// Orthonormal columns that span those of a matrix, each on the side of its own column.
at::Tensor orthonormal(const at::Tensor& columns);

/// Directions in which the means of rows of different values differ most: of two values the
/// difference of their means, from the smaller to the larger.
/// \param rows    [row, width] float64
/// \param values  [row] number of the value; at least rank + 1 different ones
/// \param where   place, for messages
/// \throws RunError if the means differ in fewer directions
at::Tensor mean_difference(const at::Tensor& rows, const std::vector<std::int64_t>& values,
                           std::int64_t rank, const std::string& where);

/// Directions in which rows vary most. \param rows  [row, width] float64
/// \param where  place, for messages
/// \throws RunError if the rows differ in fewer directions
at::Tensor principal(const at::Tensor& rows, std::int64_t rank, const std::string& where);

/// Coordinates of the activation.
at::Tensor of_neurons(const std::vector<std::int64_t>& neurons, std::int64_t width);

/// A subspace in a random direction.
at::Tensor random_basis(std::int64_t width, std::int64_t rank, Philox& random);

/// Largest entry of |Bᵀ B - 1|.
double orthonormality_error(const at::Tensor& basis);

}  // namespace lensbench::interchange
