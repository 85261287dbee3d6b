#include "grading/gauge/rotations.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/zeros.h>

namespace lensbench::grading {
namespace {

/// Makes the columns of a square matrix orthonormal, in order (Gram-Schmidt, twice for rounding).
at::Tensor orthonormal(at::Tensor columns) {
  for (std::int64_t i = 0; i < columns.size(1); ++i) {
    at::Tensor column = columns.select(1, i);
    for (int pass = 0; pass < 2 && i > 0; ++pass) {
      const at::Tensor before = columns.narrow(1, 0, i);
      column.sub_(at::mv(before, at::mv(before.t(), column)));
    }
    column.div_(column.norm());
  }
  return columns;
}

}  // namespace

at::Tensor normal_matrix(Philox& random, std::int64_t rows, std::int64_t columns) {
  at::Tensor values = at::zeros({rows, columns}, at::kDouble);
  double* data = values.data_ptr<double>();
  for (std::int64_t i = 0; i < rows * columns; ++i) data[i] = random.normal();
  return values;
}

at::Tensor rotation(Philox& random, std::int64_t n) {
  return orthonormal(normal_matrix(random, n, n));
}

at::Tensor rotation_of_mean_zero(Philox& random, std::int64_t n) {
  at::Tensor from = normal_matrix(random, n, n), to = normal_matrix(random, n, n);
  from.select(1, 0).fill_(1.0);
  to.select(1, 0).fill_(1.0);
  return at::matmul(orthonormal(to), orthonormal(from).t());
}

}  // namespace lensbench::grading
