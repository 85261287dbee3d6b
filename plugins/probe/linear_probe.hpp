#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace lensbench::probing {

/// Kind of a probe.
enum class Kind { logistic, ridge, mean_difference, mass_mean, sparse };

/// Reads a name. \throws UsageError for another one
Kind kind_of(const std::string& name);
/// Whether the kind has a penalty, of which several are tried.
bool has_lambda(Kind kind);
/// Whether the scores of the kind are logarithms of probabilities, up to a constant.
bool has_probabilities(Kind kind);

/// A fitted probe: class c has the score weights[c] · x + intercepts[c], and the largest score
/// wins. With two classes, those of class 0 are 0.
struct LinearProbe {
  at::Tensor weights;     ///< [class, feature] float64, of the features as they are
  at::Tensor intercepts;  ///< [class] float64
  /// Scores [row, class] of rows [row, feature].
  at::Tensor scores(const at::Tensor& rows) const;
};

/// Settings of a fit.
struct ProbeSettings {
  Kind kind = Kind::logistic;
  std::int64_t sparse_k = 16;
  bool standardize = true;
  /// Most features of a binary logistic probe whose curvature is kept as a matrix.
  std::int64_t most_dense = 4096;
};

/// Rows that a probe is fitted to, prepared for fits with several penalties: scaled, of the chosen
/// coordinates, and turned into as many coordinates as there are rows where they have more.
class TrainingRows {
 public:
  /// \param rows    [row, feature] float64
  /// \param labels  [row] int64, every class at least once
  TrainingRows(const at::Tensor& rows, const at::Tensor& labels, std::int64_t classes,
               const ProbeSettings& settings);

  /// Fits a probe. \param lambda  the penalty; ignored by kinds without one
  LinearProbe fit(double lambda) const;

 private:
  LinearProbe logistic(double lambda) const;
  LinearProbe ridge(double lambda) const;
  /// Coefficients [class, own coordinate] of the prepared rows, as those of the features.
  LinearProbe in_features(const at::Tensor& weights, const at::Tensor& intercepts) const;

  ProbeSettings settings_;
  std::int64_t classes_ = 2, features_ = 0;
  at::Tensor labels_;
  at::Tensor coordinates_;  ///< [own coordinate] int64, of a sparse probe
  at::Tensor mean_, scale_;
  at::Tensor basis_;    ///< [scaled coordinate, own coordinate]; undefined: the same
  at::Tensor own_;      ///< [row, own coordinate]
  LinearProbe closed_;  ///< probe of the kinds without a penalty
};

/// Means of the rows of each class, [class, feature].
at::Tensor class_means(const at::Tensor& rows, const at::Tensor& labels, std::int64_t classes);

/// The covariance of centred rows after Ledoit and Wolf ("A well-conditioned estimator for
/// large-dimensional covariance matrices", J. Multivariate Analysis 88, 2004) is (1 - shrinkage) S
/// + shrinkage · scale · I, with S = x^T x / n.
struct Shrinkage {
  double shrinkage = 0;
  double scale = 0;  ///< mean of the diagonal of S
};
Shrinkage ledoit_wolf(const at::Tensor& centred);

}  // namespace lensbench::probing
