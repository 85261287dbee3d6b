#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/export.hpp>

/// Dense linear algebra in float64 on the CPU. Arguments may be of any floating-point type and on
/// any device; they are widened first. Results are float64 on the CPU.
///
/// Singular vectors and eigenvectors are determined up to their sign. Here the entry of largest
/// magnitude is positive, the first such entry if several are equal to one part in 10^9.
///
/// The last bits depend on the build of LAPACK. A vector whose value is nearly equal to the next
/// one is not determined: any rotation within such a group is as good, and only the space that the
/// group spans can be compared. `degenerate` marks it.
namespace lensbench::linear_algebra {

/// Largest relative gap between neighbouring values that counts as degenerate.
inline constexpr double kDegenerateGap = 1e-3;

/// Turns vectors so that they satisfy the sign rule.
/// \param vectors  [rows, columns]; each column is a vector
/// \return [columns] float64, the factor 1 or -1 of each vector (1 for a vector of zeros)
/// \throws UsageError for anything but a matrix of finite numbers
LENSBENCH_API at::Tensor signs_of(const at::Tensor& vectors);

/// Values that differ from a neighbour by less than `kDegenerateGap` of the larger of both
/// magnitudes. Values that are 0 up to rounding, below `noise`, are degenerate as well.
/// \param values  [n], sorted
/// \param noise   magnitude up to which a value is rounding
/// \return [n] int8, 1: degenerate
/// \throws UsageError for anything but a vector of finite numbers
LENSBENCH_API at::Tensor degenerate_values(const at::Tensor& values, double noise = 0);

/// Thin singular value decomposition, M = U diag(S) Vᵀ.
struct Svd {
  at::Tensor U;           ///< [rows, rank], orthonormal columns, which satisfy the sign rule
  at::Tensor S;           ///< [rank], descending; rank is the smaller of rows and columns
  at::Tensor V;           ///< [columns, rank], orthonormal columns; signs follow from U
  at::Tensor degenerate;  ///< [rank] int8, 1: U and V of this index are not determined
};

/// Decomposes a matrix [rows, columns].
/// \throws UsageError for anything but a matrix of finite numbers with at least one entry
LENSBENCH_API Svd thin_svd(const at::Tensor& matrix);

/// Decomposes the product `left` · `right` without computing it: two QR decompositions and the SVD
/// of a matrix of the inner size (Golub and Van Loan, Matrix Computations, 4th ed., section 5.2 and
/// 8.6). For a head, whose matrix W_V · W_O has d_model rows and columns and rank d_head.
/// \param left   [rows, inner]
/// \param right  [inner, columns]
/// \return `rank` is the smallest of rows, inner and columns
/// \throws UsageError under the conditions of `thin_svd`, or if the inner sizes differ
LENSBENCH_API Svd thin_svd_of_product(const at::Tensor& left, const at::Tensor& right);

/// Eigenvalues and eigenvectors of a symmetric matrix, M = Q diag(values) Qᵀ.
struct SymmetricEigen {
  at::Tensor values;      ///< [n], descending
  at::Tensor vectors;     ///< [n, n], orthonormal columns, which satisfy the sign rule
  at::Tensor degenerate;  ///< [n] int8, 1: the vector of this index is not determined
};

/// Decomposes a symmetric matrix [n, n].
/// \throws UsageError for anything but a square matrix of finite numbers with at least one entry,
///   or if M and Mᵀ differ by more than 1e-6 of the largest magnitude
LENSBENCH_API SymmetricEigen symmetric_eigen(const at::Tensor& matrix);

/// Eigenvalues of a matrix that need not be symmetric.
struct Eigenvalues {
  at::Tensor real;       ///< [n] real parts
  at::Tensor imaginary;  ///< [n] imaginary parts; conjugate pairs, the positive one first
};

/// Eigenvalues of a matrix [n, n], sorted by magnitude, the largest first; those of equal magnitude
/// (to one part in 10^9) by real part, then imaginary part, the largest first.
/// \throws UsageError for anything but a square matrix of finite numbers with at least one entry
LENSBENCH_API Eigenvalues eigenvalues(const at::Tensor& matrix);

/// Solution X of A X = B for a symmetric positive definite A, by the Cholesky decomposition.
/// \param matrix  A, [n, n]
/// \param right   B, [n] or [n, columns]
/// \return X, of the shape of B
/// \throws UsageError under the conditions of `symmetric_eigen`, if A is not positive definite, or
///   if B has another number of rows
LENSBENCH_API at::Tensor solve_positive_definite(const at::Tensor& matrix, const at::Tensor& right);

/// Settings of `fit_logistic`.
struct LogisticOptions {
  double lambda = 1;              ///< weight of the penalty, at least 0
  bool intercept = true;          ///< also fits b, which is not penalised; false: b is 0
  double tolerance = 1e-8;        ///< largest norm of the gradient at the solution
  std::int64_t iterations = 100;  ///< most Newton steps
};

/// Solution of `fit_logistic`.
struct LogisticFit {
  at::Tensor weights;           ///< w, [feature]
  double intercept = 0;         ///< b
  double loss = 0;              ///< the minimum, nats
  double gradient_norm = 0;     ///< Euclidean norm of the gradient at the solution
  std::int64_t iterations = 0;  ///< Newton steps
};

/// Logistic regression with a ridge penalty: the w and b that minimise
/// sum_i ln(1 + exp(-y_i (w · x_i + b))) + lambda |w|² / 2, y = ±1. Newton's method, where a step
/// that does not reduce the loss is halved (Boyd and Vandenberghe, Convex Optimization, section
/// 9.5). The loss is a sum over the rows, so lambda does not scale with their number.
/// \param features  x, [row, feature]
/// \param labels    [row]; 1: y = 1, 0 or -1: y = -1
/// \param options   penalty, intercept, end of the iteration
/// \throws UsageError for shapes that do not fit, values that are not finite, other labels, labels
///   of one kind only, or an option out of range; RunError if it does not converge, as for
///   separable rows with lambda 0
LENSBENCH_API LogisticFit fit_logistic(const at::Tensor& features, const at::Tensor& labels,
                                       const LogisticOptions& options = {});

}  // namespace lensbench::linear_algebra
