#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/random.hpp>

namespace lensbench::grading {

/// Standard normal numbers [rows, columns], float64.
at::Tensor normal_matrix(Philox& random, std::int64_t rows, std::int64_t columns);
/// A random orthogonal matrix [n, n], float64.
at::Tensor rotation(Philox& random, std::int64_t n);
/// A random orthogonal matrix that leaves (1, …, 1) alone, so that a norm finds the mean where it
/// was.
at::Tensor rotation_of_mean_zero(Philox& random, std::int64_t n);

}  // namespace lensbench::grading
