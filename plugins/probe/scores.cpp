#include "scores.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/log_softmax.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace lensbench::probing {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double weighted_mean(const std::vector<double>& values, const std::vector<double>& weights) {
  double sum = 0, weight = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) continue;
    sum += weights[i] * values[i];
    weight += weights[i];
  }
  return weight > 0 ? sum / weight : kMissing;
}

HeldOut::HeldOut(const at::Tensor& scores, const std::vector<std::int64_t>& labels,
                 const std::vector<std::int64_t>& parts, bool probabilities)
    : labels_(labels), parts_(parts), classes_(static_cast<std::size_t>(scores.size(1))) {
  const at::Tensor best = scores.argmax(1).contiguous();
  const at::Tensor logs = at::log_softmax(scores, 1).contiguous();
  predicted_.reserve(labels.size());
  losses_.reserve(labels.size());
  correct_.reserve(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    const double log = logs[row][labels[i]].item<double>();
    predicted_.push_back(std::isnan(log) ? -1 : best[row].item<std::int64_t>());
    losses_.push_back(probabilities ? -log : kMissing);
    correct_.push_back(predicted_.back() < 0            ? kMissing
                       : predicted_.back() == labels[i] ? 1.0
                                                        : 0.0);
  }
  rank(classes_ == 2 ? scores : logs, classes_ == 2);
}

void HeldOut::rank(const at::Tensor& scores, bool binary) {
  std::map<std::int64_t, std::vector<std::size_t>> rows_of;
  for (std::size_t i = 0; i < labels_.size(); ++i)
    if (predicted_[i] >= 0) rows_of[parts_[i]].push_back(i);
  for (std::size_t cls = binary ? 1 : 0; cls < classes_; ++cls) {
    const at::Tensor column = scores.select(1, static_cast<std::int64_t>(cls)).contiguous();
    const double* const value = column.data_ptr<double>();
    for (const auto& [part, rows] : rows_of) {
      Ranking ranking{cls, rows, {}};
      std::stable_sort(ranking.rows.begin(), ranking.rows.end(),
                       [&](std::size_t a, std::size_t b) { return value[a] < value[b]; });
      ranking.tie.reserve(rows.size());
      for (std::size_t i = 0; i < ranking.rows.size(); ++i) {
        const bool tied = i > 0 && value[ranking.rows[i]] == value[ranking.rows[i - 1]];
        ranking.tie.push_back(i == 0 ? 0 : ranking.tie.back() + (tied ? 0 : 1));
      }
      rankings_.push_back(std::move(ranking));
    }
  }
}

std::vector<double> HeldOut::weights_of(std::int64_t part) const {
  std::vector<double> weights;
  weights.reserve(parts_.size());
  for (const std::int64_t own : parts_) weights.push_back(own == part ? 1.0 : 0.0);
  return weights;
}

double HeldOut::accuracy(const std::vector<double>& weights) const {
  return weighted_mean(correct_, weights);
}

double HeldOut::balanced_accuracy(const std::vector<double>& weights) const {
  std::vector<double> right(classes_, 0.0), all(classes_, 0.0);
  for (std::size_t i = 0; i < labels_.size(); ++i) {
    if (predicted_[i] < 0) continue;
    const auto cls = static_cast<std::size_t>(labels_[i]);
    all[cls] += weights[i];
    if (predicted_[i] == labels_[i]) right[cls] += weights[i];
  }
  double sum = 0, found = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    if (!(all[c] > 0)) continue;
    sum += right[c] / all[c];
    found += 1;
  }
  return found > 0 ? sum / found : kMissing;
}

double HeldOut::auroc(const std::vector<double>& weights) const {
  std::vector<double> ordered(classes_, 0.0), pairs(classes_, 0.0);
  for (const Ranking& ranking : rankings_) {
    double below = 0;  // weight of other rows with smaller scores
    for (std::size_t i = 0; i < ranking.rows.size();) {
      double own = 0, other = 0;
      const std::int64_t tie = ranking.tie[i];
      for (; i < ranking.rows.size() && ranking.tie[i] == tie; ++i) {
        const std::size_t row = ranking.rows[i];
        (labels_[row] == static_cast<std::int64_t>(ranking.cls) ? own : other) += weights[row];
      }
      ordered[ranking.cls] += own * (below + other / 2);
      below += other;
    }
    double own = 0;
    for (const std::size_t row : ranking.rows)
      if (labels_[row] == static_cast<std::int64_t>(ranking.cls)) own += weights[row];
    pairs[ranking.cls] += own * below;
  }
  double sum = 0, found = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    if (!(pairs[c] > 0)) continue;
    sum += ordered[c] / pairs[c];
    found += 1;
  }
  return found > 0 ? sum / found : kMissing;
}

double HeldOut::log_loss(const std::vector<double>& weights) const {
  return weighted_mean(losses_, weights);
}

}  // namespace lensbench::probing
