#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace lensbench::probing {

/// Held-out scores of rows, ready to be measured under any weights of the rows, such as the counts
/// of a bootstrap sample.
class HeldOut {
 public:
  /// \param scores         [row, class] float64, each row scored by a probe that did not see it;
  ///   NaN: the row was not scored
  /// \param labels         class of each row
  /// \param parts          part of each row, within which scores are compared
  /// \param probabilities  whether a softmax of the scores gives probabilities
  HeldOut(const at::Tensor& scores, const std::vector<std::int64_t>& labels,
          const std::vector<std::int64_t>& parts, bool probabilities);

  /// Share of rows whose largest score is that of their class.
  double accuracy(const std::vector<double>& weights) const;
  /// Mean over the classes that occur of the share of their rows that are right.
  double balanced_accuracy(const std::vector<double>& weights) const;
  /// Area under the ROC curve: over pairs of a row of the class and another row of the same part,
  /// the share in which the first has the larger score; equal scores count half. With more than two
  /// classes the mean over classes, each against all others, of the logarithm of the softmax.
  double auroc(const std::vector<double>& weights) const;
  /// Mean of -ln p of the class; NaN without probabilities.
  double log_loss(const std::vector<double>& weights) const;

  /// Class with the largest score of each row, the first of equal ones; -1: not scored.
  const std::vector<std::int64_t>& predicted() const { return predicted_; }
  /// 1 where the prediction is right, 0 where it is wrong, NaN: not scored.
  const std::vector<double>& correct() const { return correct_; }
  /// Weights 1 of the rows of a part, 0 of others.
  std::vector<double> weights_of(std::int64_t part) const;
  std::vector<double> all() const { return std::vector<double>(labels_.size(), 1.0); }

 private:
  /// Rows of one part by score for one class; equal scores have equal numbers.
  struct Ranking {
    std::size_t cls;
    std::vector<std::size_t> rows;
    std::vector<std::int64_t> tie;
  };
  void rank(const at::Tensor& scores, bool binary);

  std::vector<std::int64_t> labels_, parts_, predicted_;
  std::size_t classes_;
  std::vector<double> losses_, correct_;
  std::vector<Ranking> rankings_;
};

/// Weighted mean without missing values; NaN if nothing has weight.
double weighted_mean(const std::vector<double>& values, const std::vector<double>& weights);

}  // namespace lensbench::probing
