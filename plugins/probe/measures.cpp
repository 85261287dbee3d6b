#include "measures.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include <cmath>
#include <lensbench/hypothesis.hpp>
#include <limits>

#include "cross_validation.hpp"

namespace lensbench::probing {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::vector<HeldOut> held_out(const ProbePlan& plan, const at::Tensor& scores,
                              const std::vector<std::int64_t>& labels) {
  std::vector<HeldOut> points;
  points.reserve(static_cast<std::size_t>(scores.size(0)));
  for (std::int64_t point = 0; point < scores.size(0); ++point)
    points.emplace_back(scores[point], labels, plan.fold_of, has_probabilities(plan.settings.kind));
  return points;
}

std::array<double, kMetrics> metrics_of(const HeldOut& rows, const std::vector<double>& weights) {
  return {rows.accuracy(weights), rows.balanced_accuracy(weights), rows.auroc(weights),
          rows.log_loss(weights)};
}

/// Accuracy in each fold, [fold].
at::Tensor fold_accuracy(const ProbePlan& plan, const HeldOut& rows) {
  at::Tensor accuracy = at::empty({plan.options.folds}, at::kDouble);
  for (std::int64_t fold = 0; fold < plan.options.folds; ++fold)
    accuracy[fold] = rows.accuracy(rows.weights_of(fold));
  return accuracy;
}

at::Tensor by_point(const ProbePlan& plan, const std::vector<HeldOut>& points) {
  std::vector<at::Tensor> all;
  all.reserve(points.size());
  for (const HeldOut& rows : points) all.push_back(fold_accuracy(plan, rows));
  if (all.empty()) return at::full({plan.n_points(), plan.options.folds}, kNone, at::kDouble);
  return at::stack(all).expand({plan.n_points(), plan.options.folds});
}

}  // namespace

Measured measured(const ProbePlan& plan, const Fits& fits) {
  Measured found;
  found.own = held_out(plan, fits.scores, plan.labels);
  if (plan.controls("shuffled"))
    found.shuffled = held_out(plan, fits.shuffled_scores, plan.shuffled);
  if (plan.controls("random_type") && !plan.of_types.empty())
    found.types = held_out(plan, fits.type_scores, plan.of_types);
  if (plan.controls("input"))
    found.input = held_out(plan, fits.input_scores.unsqueeze(0), plan.labels);
  return found;
}

at::Tensor metrics_by_fold(const ProbePlan& plan, const Measured& measured) {
  at::Tensor all = at::empty({kMetrics, plan.n_points(), plan.options.folds}, at::kDouble);
  for (std::int64_t point = 0; point < plan.n_points(); ++point)
    for (std::int64_t fold = 0; fold < plan.options.folds; ++fold) {
      const HeldOut& rows = measured.own[static_cast<std::size_t>(point)];
      const auto values = metrics_of(rows, rows.weights_of(fold));
      for (std::int64_t m = 0; m < kMetrics; ++m)
        all[m][point][fold] = values[static_cast<std::size_t>(m)];
    }
  return all;
}

at::Tensor control_accuracy(const ProbePlan& plan, const Measured& measured) {
  std::vector<at::Tensor> all;
  all.reserve(plan.options.controls.size());
  for (const std::string& control : plan.options.controls) {
    if (control == "majority")
      all.push_back(majority_accuracy(plan).expand({plan.n_points(), plan.options.folds}));
    else
      all.push_back(by_point(plan, control == "shuffled" ? measured.shuffled
                                   : control == "input"  ? measured.input
                                                         : measured.types));
  }
  return at::stack(all);
}

at::Tensor selectivity(const ProbePlan& plan, const Measured& measured) {
  return (by_point(plan, measured.own) - by_point(plan, measured.types)).nanmean(1);
}

Intervals intervals(const ProbePlan& plan, const Measured& measured, std::uint64_t seed) {
  const auto n = static_cast<std::size_t>(plan.examples());
  const auto statistic = [&](const std::vector<std::size_t>& cases) {
    std::vector<double> weights(n, 0.0), numbers;
    for (const std::size_t i : cases) weights[i] += 1;
    numbers.reserve(measured.own.size() * static_cast<std::size_t>(kMetrics + 1));
    for (std::size_t point = 0; point < measured.own.size(); ++point) {
      const auto values = metrics_of(measured.own[point], weights);
      numbers.insert(numbers.end(), values.begin(), values.end());
      numbers.push_back(
          measured.types.empty() ? kNone : values[0] - measured.types[point].accuracy(weights));
    }
    return numbers;
  };
  std::vector<std::string> groups;
  groups.reserve(n);
  for (const std::int64_t group : plan.groups) groups.push_back(std::to_string(group));
  const auto found =
      statistics::bootstrap(n, statistic, {.samples = kSamples, .seed = seed}, groups);
  Intervals result;
  result.estimate = at::empty({kMetrics + 1, plan.n_points()}, at::kDouble);
  result.bounds = at::empty({kMetrics + 1, 2, plan.n_points()}, at::kDouble);
  for (std::size_t i = 0; i < found.intervals.size(); ++i) {
    const auto point = static_cast<std::int64_t>(i) / (kMetrics + 1);
    const auto metric = static_cast<std::int64_t>(i) % (kMetrics + 1);
    result.estimate[metric][point] = found.intervals[i].estimate;
    result.bounds[metric][0][point] = found.intervals[i].low;
    result.bounds[metric][1][point] = found.intervals[i].high;
  }
  return result;
}

Selected selected(const ProbePlan& plan, const Fits& fits, const at::Tensor& accuracy) {
  Selected best{at::full({plan.options.folds}, -1, at::kInt),
                at::full({plan.options.folds}, kNone, at::kDouble)};
  for (std::int64_t fold = 0; fold < plan.options.folds; ++fold) {
    double most = -1;
    for (std::int64_t point = 0; point < plan.n_points(); ++point) {
      const double inner = fits.inner_accuracy[point][fold].item<double>();
      if (!(inner > most)) continue;  // the first one of equally good points stays
      most = inner;
      best.point[fold] = point;
      best.accuracy[fold] = accuracy[point][fold];
    }
  }
  return best;
}

}  // namespace lensbench::probing
