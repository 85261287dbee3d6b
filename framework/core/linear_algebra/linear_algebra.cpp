#include <ATen/TensorOperators.h>
#include <ATen/ops/cholesky_solve.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/imag.h>
#include <ATen/ops/linalg_cholesky_ex.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_eigvals.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/real.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <lensbench/error.hpp>
#include <lensbench/linear_algebra.hpp>
#include <limits>
#include <vector>

#include "core/linear_algebra/matrices.hpp"

// Decompositions in float64 by LAPACK through libtorch. What LAPACK leaves open (signs, order of
// equal values) is fixed here, so that results do not depend on its choice.

namespace lensbench::linear_algebra {
namespace {

// Values this close are equal up to rounding, so that their order must not depend on it.
constexpr double kEqual = 1e-9;

/// Magnitude up to which a singular value may be rounding, by the rule of NumPy's matrix_rank.
double rounding_of(std::int64_t rows, std::int64_t columns, double largest) {
  return std::numeric_limits<double>::epsilon() * static_cast<double>(std::max(rows, columns)) *
         largest;
}

/// Signs of U and V are changed together, which leaves the product unchanged.
Svd with_signs(at::Tensor U, at::Tensor S, at::Tensor V) {
  const at::Tensor signs = signs_of(U);
  const double noise = rounding_of(U.size(0), V.size(0), S[0].item<double>());
  return {U * signs, S, V * signs, degenerate_values(S, noise)};
}

bool nearly_equal(double a, double b, double scale) {
  return std::abs(a - b) <= kEqual * scale;
}

/// Sorts by magnitude; runs of equal magnitude by real, then imaginary part. Comparing with a
/// tolerance inside std::sort would not be a strict weak ordering, so runs are sorted afterwards.
void sort_eigenvalues(std::vector<std::complex<double>>& values) {
  std::sort(values.begin(), values.end(), [](auto a, auto b) { return std::abs(a) > std::abs(b); });
  const double scale = std::abs(values.front());
  for (auto first = values.begin(); first != values.end();) {
    const double magnitude = std::abs(*first);
    const auto last = std::find_if(first, values.end(), [&](auto value) {
      return !nearly_equal(std::abs(value), magnitude, scale);
    });
    std::sort(first, last, [](auto a, auto b) {
      return a.real() != b.real() ? a.real() > b.real() : a.imag() > b.imag();
    });
    first = last;
  }
}

}  // namespace

/// Sign of the first of the largest entries. Entries equal up to rounding count as equal, so that
/// rounding does not choose between them.
at::Tensor signs_of(const at::Tensor& vectors) {
  const at::Tensor wide = widened(vectors, "signs of vectors", 2).t().contiguous();
  const std::int64_t n = wide.size(0), length = wide.size(1);
  at::Tensor signs = at::empty({n}, at::kDouble);
  const double* entry = wide.data_ptr<double>();
  for (std::int64_t i = 0; i < n; ++i, entry += length) {
    double largest = 0;
    for (std::int64_t j = 0; j < length; ++j) largest = std::max(largest, std::abs(entry[j]));
    const double* first = std::find_if(
        entry, entry + length, [&](double x) { return std::abs(x) >= (1 - kEqual) * largest; });
    signs.data_ptr<double>()[i] = *first < 0 ? -1 : 1;
  }
  return signs;
}

/// A value is degenerate if it is close to a neighbour: their vectors can be rotated into each
/// other.
at::Tensor degenerate_values(const at::Tensor& values, double noise) {
  const at::Tensor wide = widened(values, "degenerate values", 1);
  const std::int64_t n = wide.size(0);
  at::Tensor flags = at::zeros({n}, at::kChar);
  auto* flag = flags.data_ptr<std::int8_t>();
  const double* value = wide.data_ptr<double>();
  for (std::int64_t i = 0; i < n; ++i) {
    // A value that is 0 up to rounding has an arbitrary vector.
    if (std::abs(value[i]) <= noise) flag[i] = 1;
    if (i + 1 == n) break;
    const double larger = std::max(std::abs(value[i]), std::abs(value[i + 1]));
    if (std::abs(value[i] - value[i + 1]) < kDegenerateGap * larger || larger <= noise)
      flag[i] = flag[i + 1] = 1;
  }
  return flags;
}

Svd thin_svd(const at::Tensor& matrix) {
  const auto [U, S, Vh] = at::linalg_svd(widened(matrix, "thin SVD", 2), /*full_matrices=*/false);
  return with_signs(U, S, Vh.t());
}

/// The product of two thin matrices is never formed: with A = Qa Ra and Bᵀ = Qb Rb, the
/// decomposition of the small matrix Ra Rbᵀ gives that of A B.
Svd thin_svd_of_product(const at::Tensor& left, const at::Tensor& right) {
  const at::Tensor a = widened(left, "thin SVD of a product, left matrix", 2);
  const at::Tensor b = widened(right, "thin SVD of a product, right matrix", 2);
  if (a.size(1) != b.size(0))
    throw UsageError("thin SVD of a product: the left matrix has " + std::to_string(a.size(1)) +
                     " columns, the right one " + std::to_string(b.size(0)) +
                     " rows; expected equal numbers");
  const auto [left_q, left_r] = at::linalg_qr(a, "reduced");
  const auto [right_q, right_r] = at::linalg_qr(b.t(), "reduced");
  const auto [U, S, Vh] = at::linalg_svd(left_r.matmul(right_r.t()), /*full_matrices=*/false);
  return with_signs(left_q.matmul(U), S, right_q.matmul(Vh.t()));
}

SymmetricEigen symmetric_eigen(const at::Tensor& matrix) {
  const auto [ascending, columns] = at::linalg_eigh(symmetric(matrix, "symmetric eigenvalues"));
  // LAPACK sorts ascending.
  const at::Tensor values = ascending.flip(0), vectors = columns.flip(1);
  const double noise =
      rounding_of(values.size(0), values.size(0), values.abs().max().item<double>());
  return {values, vectors * signs_of(vectors), degenerate_values(values, noise)};
}

/// Complex values are sorted here, because LAPACK does not define their order.
Eigenvalues eigenvalues(const at::Tensor& matrix) {
  const at::Tensor wide = widened(matrix, "eigenvalues", 2);
  if (wide.size(0) != wide.size(1))
    throw UsageError("eigenvalues: found " + std::to_string(wide.size(0)) + " rows and " +
                     std::to_string(wide.size(1)) + " columns, expected a square matrix");
  const at::Tensor found = at::linalg_eigvals(wide);
  const at::Tensor real = at::real(found).contiguous(), imaginary = at::imag(found).contiguous();
  std::vector<std::complex<double>> values;
  for (std::int64_t i = 0; i < wide.size(0); ++i)
    values.emplace_back(real.data_ptr<double>()[i], imaginary.data_ptr<double>()[i]);
  sort_eigenvalues(values);
  Eigenvalues out{at::empty({wide.size(0)}, at::kDouble), at::empty({wide.size(0)}, at::kDouble)};
  for (std::size_t i = 0; i < values.size(); ++i) {
    out.real.data_ptr<double>()[i] = values[i].real();
    out.imaginary.data_ptr<double>()[i] = values[i].imag();
  }
  return out;
}

/// Cholesky's decomposition also decides whether the matrix is positive definite.
at::Tensor solve_positive_definite(const at::Tensor& matrix, const at::Tensor& right) {
  const at::Tensor a = symmetric(matrix, "Cholesky solve, matrix");
  const bool vector = right.defined() && right.dim() == 1;
  // A vector is a matrix of one column for the solver.
  const at::Tensor b = widened(right, "Cholesky solve, right side", vector ? 1 : 2);
  if (b.size(0) != a.size(0))
    throw UsageError("Cholesky solve: the right side has " + std::to_string(b.size(0)) +
                     " rows, expected " + std::to_string(a.size(0)));
  const auto [factor, info] = at::linalg_cholesky_ex(a);
  if (info.item<int>() != 0)
    throw UsageError("Cholesky solve: the matrix is not positive definite (leading minor " +
                     std::to_string(info.item<int>()) +
                     "); add a multiple of the identity, or use a decomposition");
  const at::Tensor x = at::cholesky_solve(vector ? b.unsqueeze(1) : b, factor);
  return vector ? x.squeeze(1) : x;
}

}  // namespace lensbench::linear_algebra
