#include "cross_validation.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "common/folds.hpp"

namespace lensbench::probing {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

at::Tensor indices(const std::vector<std::int64_t>& values) {
  return at::tensor(values, at::kLong);
}

/// A penalty, and how well it did on the rows that chose it.
struct Choice {
  double lambda = kUndefined, accuracy = kUndefined;
};

/// What the penalty is chosen by, the smaller the better: -ln p, else the squared distance of the
/// scores from 1 for the class and -1 for others.
double fault_of(const at::Tensor& scores, const at::Tensor& labels, bool probabilities) {
  const at::Tensor own = labels.unsqueeze(1);
  if (probabilities) return -at::log_softmax(scores, 1).gather(1, own).mean().item<double>();
  at::Tensor targets = at::full_like(scores, -1.0).scatter_(1, own, 1.0);
  // With two classes the score of class 1 is the regression itself, and that of class 0 is 0.
  if (scores.size(1) == 2)
    return (scores.select(1, 1) - targets.select(1, 1)).square().mean().item<double>();
  return (scores - targets).square().mean().item<double>();
}

double accuracy_of(const at::Tensor& scores, const at::Tensor& labels) {
  return scores.argmax(1).eq(labels).to(at::kDouble).mean().item<double>();
}

double middle_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Chooses on an inner split, which holds training rows only.
Choice choose(const ProbePlan& plan, const at::Tensor& rows,
              const std::vector<std::int64_t>& labels, const InnerSplit& split) {
  const bool penalised = has_lambda(plan.settings.kind);
  const double middle = penalised ? middle_of(plan.options.lambdas) : kUndefined;
  const auto fitted = at_rows(labels, split.fitted);
  if (!has_all_classes(fitted, plan.n_classes())) return {.lambda = middle};
  const TrainingRows training(rows.index_select(0, indices(split.fitted)), indices(fitted),
                              plan.n_classes(), plan.settings);
  const at::Tensor others = rows.index_select(0, indices(split.chosen_on));
  const at::Tensor wanted = indices(at_rows(labels, split.chosen_on));
  Choice best;
  double least = 0;
  for (const double lambda : penalised ? plan.options.lambdas : std::vector<double>{middle}) {
    const at::Tensor scores = training.fit(lambda).scores(others);
    const double fault = fault_of(scores, wanted, has_probabilities(plan.settings.kind));
    const bool first = std::isnan(best.accuracy);
    // The larger one of two equally good penalties is taken.
    if (!first && !(fault < least) && !(fault == least && lambda > best.lambda)) continue;
    best = {.lambda = lambda, .accuracy = accuracy_of(scores, wanted)};
    least = fault;
  }
  return best;
}

}  // namespace

CrossValidated cross_validate(const ProbePlan& plan, const at::Tensor& rows,
                              const std::vector<std::int64_t>& labels) {
  CrossValidated found;
  found.scores = at::full({plan.examples(), plan.n_classes()}, kUndefined, at::kDouble);
  found.lambda = at::full({plan.options.folds}, kUndefined, at::kDouble);
  found.inner_accuracy = found.lambda.clone();
  for (std::int64_t fold = 0; fold < plan.options.folds; ++fold) {
    const auto outside = rows_outside(plan.fold_of, fold);
    const auto known = at_rows(labels, outside);
    if (!has_all_classes(known, plan.n_classes())) continue;
    const Choice choice = choose(plan, rows, labels, plan.inner[static_cast<std::size_t>(fold)]);
    const TrainingRows training(rows.index_select(0, indices(outside)), indices(known),
                                plan.n_classes(), plan.settings);
    const at::Tensor inside = indices(rows_in(plan.fold_of, fold));
    found.scores.index_copy_(0, inside,
                             training.fit(choice.lambda).scores(rows.index_select(0, inside)));
    found.lambda[fold] = choice.lambda;
    found.inner_accuracy[fold] = choice.accuracy;
  }
  return found;
}

WholeFit fit_all(const ProbePlan& plan, const at::Tensor& rows) {
  const Choice choice = choose(plan, rows, plan.labels, plan.inner.back());
  const TrainingRows training(rows, indices(plan.labels), plan.n_classes(), plan.settings);
  return {training.fit(choice.lambda), choice.lambda};
}

at::Tensor majority_accuracy(const ProbePlan& plan) {
  at::Tensor accuracy = at::empty({plan.options.folds}, at::kDouble);
  for (std::int64_t fold = 0; fold < plan.options.folds; ++fold) {
    const at::Tensor known = indices(at_rows(plan.labels, rows_outside(plan.fold_of, fold)));
    const at::Tensor most = at::bincount(known, {}, plan.n_classes()).argmax();
    const at::Tensor held_out = indices(at_rows(plan.labels, rows_in(plan.fold_of, fold)));
    accuracy[fold] = held_out.eq(most).to(at::kDouble).mean();
  }
  return accuracy;
}

}  // namespace lensbench::probing
