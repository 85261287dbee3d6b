#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/streaming_statistics.hpp>
#include <optional>

namespace lensbench::geometry {

/// Mean cosine over all pairs of rows of different documents, or over all pairs of different rows
/// if there is one document. It is exact: with unit vectors u, the sum over pairs is
/// |sum u|² minus the sums within documents, so the pairs need not be drawn. Rows of zeros have no
/// direction and are left out.
class PairCosine {
 public:
  explicit PairCosine(std::int64_t width);

  /// Adds rows [row, width] of a document. The rows of one document follow each other.
  void add(const at::Tensor& rows, std::int64_t document);
  /// NaN without a pair.
  double mean() const;
  std::int64_t documents() const { return documents_; }  ///< number of documents

 private:
  at::Tensor sum_, document_sum_;
  std::int64_t document_ = -1, documents_ = 0;
  double rows_ = 0, document_rows_ = 0;
  double within_ = 0, pairs_within_ = 0;  ///< sums of the documents before the current one
};

/// Spread of the vectors of one layer.
struct Spread {
  std::int64_t rows = 0;
  double anisotropy = 0, anisotropy_centred = 0;
  double participation_ratio = 0, effective_rank = 0, total_variance = 0;
  double trace_difference = 0;    ///< |sum of eigenvalues - trace| / trace
  at::Tensor explained_variance;  ///< [principal]; NaN without variance
  at::Tensor degenerate;          ///< [principal] int8
  at::Tensor directions;          ///< [principal, width]
  at::Tensor outlier_dimension;   ///< [outlier] int32
  at::Tensor outlier_share;       ///< [outlier]
};

/// (sum v)² / sum v²; NaN if all are 0.
double participation_ratio(const at::Tensor& eigenvalues);
/// exp(-sum q ln q), q = v / sum v (Roy and Vetterli, "The effective rank", EUSIPCO 2007, where v
/// are singular values); NaN if all are 0.
double effective_rank(const at::Tensor& spectrum);

/// |sum of eigenvalues - trace| / trace.
double trace_difference(const at::Tensor& eigenvalues, const at::Tensor& covariance);

/// Settings of `spread_of`.
struct SpreadOptions {
  std::int64_t principal = 10;   ///< at most the width
  std::int64_t outliers = 3;     ///< at most the width
  bool singular_values = false;  ///< the effective rank is that of the roots of the eigenvalues
};

/// Spread from the covariance. The anisotropies are left at 0.
Spread spread_of(const statistics::StreamingCovariance& covariance, const SpreadOptions& options);

}  // namespace lensbench::geometry
