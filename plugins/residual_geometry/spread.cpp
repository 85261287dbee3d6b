#include "spread.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <lensbench/linear_algebra.hpp>
#include <limits>
#include <numeric>
#include <vector>

namespace lensbench::geometry {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double squared(const at::Tensor& x) {
  return x.dot(x).item<double>();
}

/// Adds rows one after another, so that the split over calls cannot matter.
void add_rows(at::Tensor& sum, const at::Tensor& rows) {
  double* total = sum.data_ptr<double>();
  const double* row = rows.data_ptr<double>();
  for (std::int64_t r = 0; r < rows.size(0); ++r)
    for (std::int64_t i = 0; i < rows.size(1); ++i) total[i] += *row++;
}

/// Dimensions with the largest share of the squared length, the smaller index first among equal
/// ones.
void add_outliers(Spread& spread, const at::Tensor& squares, std::int64_t count) {
  const double total = squares.sum().item<double>();
  const auto sorted = at::sort(squares, /*stable=*/true, /*dim=*/-1, /*descending=*/true);
  spread.outlier_share = total > 0 ? std::get<0>(sorted).narrow(0, 0, count) / total
                                   : at::full({count}, kNan, at::kDouble);
  spread.outlier_dimension = std::get<1>(sorted).narrow(0, 0, count).to(at::kInt);
}

}  // namespace

PairCosine::PairCosine(std::int64_t width)
    : sum_(at::zeros({width}, at::kDouble)), document_sum_(at::zeros({width}, at::kDouble)) {}

/// Pairs within a document are subtracted at its end: |sum u|^2 of its rows, including each row
/// with itself.
void PairCosine::add(const at::Tensor& rows, std::int64_t document) {
  if (document != document_) {
    within_ += squared(document_sum_);
    pairs_within_ += document_rows_ * document_rows_;
    document_sum_.zero_();
    document_rows_ = 0;
    document_ = document;
    ++documents_;
  }
  const at::Tensor wide = rows.to(at::kCPU).to(at::kDouble);
  const at::Tensor length = wide.norm(2, 1, /*keepdim=*/true);
  // Rows of length 0 have no direction and count as no row.
  const at::Tensor unit = at::where(length > 0, wide / length, at::zeros_like(wide)).contiguous();
  const auto count = static_cast<double>((length > 0).sum().item<std::int64_t>());
  add_rows(sum_, unit);
  add_rows(document_sum_, unit);
  rows_ += count;
  document_rows_ += count;
}

double PairCosine::mean() const {
  const bool one = documents_ <= 1;
  // With a single document only the pairs of a row with itself are left out.
  const double left_out = one ? rows_ : within_ + squared(document_sum_);
  const double pairs_out = one ? rows_ : pairs_within_ + document_rows_ * document_rows_;
  const double pairs = rows_ * rows_ - pairs_out;
  return pairs > 0 ? (squared(sum_) - left_out) / pairs : kNan;
}

double participation_ratio(const at::Tensor& eigenvalues) {
  const double sum = eigenvalues.sum().item<double>(), squares = squared(eigenvalues);
  return squares > 0 ? sum * sum / squares : kNan;
}

double effective_rank(const at::Tensor& spectrum) {
  const double sum = spectrum.sum().item<double>();
  if (!(sum > 0)) return kNan;
  const at::Tensor q = spectrum / sum;
  const at::Tensor terms = at::where(q > 0, q * q.log(), at::zeros_like(q));
  return std::exp(-terms.sum().item<double>());
}

double trace_difference(const at::Tensor& eigenvalues, const at::Tensor& covariance) {
  const double sum = eigenvalues.sum().item<double>(), trace = covariance.trace().item<double>();
  return std::abs(sum - trace) / std::max(trace, 1e-300);
}

/// Everything that follows from the covariance; an estimate needs two rows.
Spread spread_of(const statistics::StreamingCovariance& covariance, const SpreadOptions& options) {
  Spread spread;
  spread.rows = covariance.count();
  const std::int64_t width = covariance.mean().size(0);
  const std::int64_t k = std::min(options.principal, width);
  if (spread.rows < 2) {
    spread.participation_ratio = spread.effective_rank = spread.total_variance = kNan;
    spread.explained_variance = at::full({k}, kNan, at::kDouble);
    spread.degenerate = at::full({k}, 1, at::kChar);
    // A single row still has outlier dimensions.
    spread.directions = at::full({k, width}, kNan, at::kDouble);
    add_outliers(spread,
                 spread.rows == 1 ? covariance.mean().pow(2) : at::zeros({width}, at::kDouble),
                 std::min(options.outliers, width));
    return spread;
  }
  const at::Tensor matrix = covariance.covariance();
  const linear_algebra::SymmetricEigen eigen = linear_algebra::symmetric_eigen(matrix);
  const at::Tensor values = eigen.values.clamp_min(0);  // below 0 by rounding only
  spread.total_variance = matrix.trace().item<double>();
  spread.trace_difference = trace_difference(eigen.values, matrix);
  spread.participation_ratio = participation_ratio(values);
  spread.effective_rank = effective_rank(options.singular_values ? values.sqrt() : values);
  spread.explained_variance = values.sum().item<double>() > 0
                                  ? values.narrow(0, 0, k) / values.sum()
                                  : at::full({k}, kNan, at::kDouble);
  spread.degenerate = eigen.degenerate.narrow(0, 0, k);
  spread.directions = eigen.vectors.narrow(1, 0, k).t().contiguous();
  const auto n = static_cast<double>(spread.rows);
  // Mean square of each dimension: (n - 1) / n times its variance plus the square of its mean.
  add_outliers(spread, matrix.diagonal() * ((n - 1) / n) + covariance.mean().pow(2),
               std::min(options.outliers, width));
  return spread;
}

}  // namespace lensbench::geometry
