#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace lensbench::geometry {

/// How the rows of a matrix share its dimensions (Elhage et al. 2022, arXiv:2209.10652).
struct Capacity {
  at::Tensor capacity;      ///< [row] |w_i|² / sum_j (ŵ_i · w_j)²; NaN for a row of zeros
  at::Tensor interference;  ///< [row] sum over j != i of (ŵ_i · w_j)²; NaN for a row of zeros
  double features_per_dimension = 0;  ///< |W|_F² / width
  double capacity_sum = 0;            ///< without rows of zeros
  std::int64_t rank = 0;              ///< number of eigenvalues of WᵀW above rounding
};

/// Computes them from WᵀW [width, width], so that no matrix [row, row] is made.
/// \param rows  W, [row, width]
Capacity capacity_of(const at::Tensor& rows);
/// \param rows  W, [row, width]
/// \param gram  WᵀW
Capacity capacity_of(const at::Tensor& rows, const at::Tensor& gram);

/// WᵀW in float64, whatever the number of rows.
at::Tensor gram_of(const at::Tensor& rows);

}  // namespace lensbench::geometry
