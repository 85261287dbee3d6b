#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/diag.h>
#include <ATen/ops/full.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/linear_algebra.hpp>
#include <string>

#include "core/linear_algebra/matrices.hpp"
#include "core/text/number_text.hpp"

// Logistic regression by Newton's method. The loss is convex, so the minimum does not depend on the
// start.

namespace lensbench::linear_algebra {
namespace {

/// The loss as a function of the coefficients: the weights, then the intercept if it is fitted.
class LogisticLoss {
 public:
  LogisticLoss(at::Tensor rows, at::Tensor y, at::Tensor penalty)
      : rows_(std::move(rows)), y_(std::move(y)), penalty_(std::move(penalty)) {}

  // log_sigmoid(z) = -ln(1 + exp(-z)) without overflow for large -z.
  double value(const at::Tensor& w) const {
    const double fit = -at::log_sigmoid(y_ * rows_.matmul(w)).sum().item<double>();
    return fit + 0.5 * (penalty_ * w * w).sum().item<double>();
  }
  /// Gradient: penalty · w - sum of y_i σ(-y_i w·x_i) x_i.
  at::Tensor gradient(const at::Tensor& w) const {
    const at::Tensor pull = y_ * at::sigmoid(-y_ * rows_.matmul(w));
    return penalty_ * w - rows_.t().matmul(pull);
  }
  /// Whether the coefficients give every row its own label. Without a penalty they can then grow
  /// without end.
  bool separates(const at::Tensor& w) const {
    return (y_ * rows_.matmul(w) > 0).all().item<bool>();
  }
  /// Hessian: Xᵀ diag(p (1 - p)) X + penalty, with p = σ(w·x).
  at::Tensor curvature(const at::Tensor& w) const {
    const at::Tensor p = at::sigmoid(rows_.matmul(w));
    return rows_.t().matmul(rows_ * (p * (1 - p)).unsqueeze(1)) + at::diag(penalty_);
  }

 private:
  at::Tensor rows_, y_, penalty_;
};

/// Labels as ±1. Rows of both kinds are required, since the loss does not have a minimum without
/// them.
at::Tensor plus_minus(const at::Tensor& labels, std::int64_t rows) {
  const at::Tensor given = widened(labels, "logistic regression, labels", 1);
  if (given.size(0) != rows)
    throw UsageError("logistic regression: found " + std::to_string(given.size(0)) +
                     " labels for " + std::to_string(rows) + " rows; expected one for each");
  const at::Tensor positive = given == 1, negative = given.eq(0).logical_or(given == -1);
  if (!positive.logical_or(negative).all().item<bool>())
    throw UsageError("logistic regression: found other labels than 1, 0 and -1");
  if (!positive.any().item<bool>() || !negative.any().item<bool>())
    throw UsageError("logistic regression: all labels are equal; expected rows of both kinds");
  return positive.to(at::kDouble) * 2 - 1;
}

/// Negated comparisons, so that NaN is refused too.
void check(const LogisticOptions& options) {
  if (!(options.lambda >= 0) || !(options.tolerance > 0) || options.iterations < 1)
    throw UsageError("logistic regression: found lambda " + shortest_text(options.lambda) +
                     ", tolerance " + shortest_text(options.tolerance) + " and " +
                     std::to_string(options.iterations) +
                     " iterations; expected lambda of at least 0, a tolerance above 0 and at least "
                     "1 iteration");
}

[[noreturn]] void did_not_converge(const LogisticOptions& options, double norm) {
  throw RunError("logistic regression: the gradient still has norm " + rounded_text(norm) +
                 " (expected at most " + shortest_text(options.tolerance) +
                 "); without a penalty, separable rows have no minimum: use lambda above 0");
}

/// Length of a Newton step that reduces the loss enough (Armijo's rule with factor 1e-4); 0 if none
/// does. The length is halved, and the full step is tried first, because Newton's method converges
/// quadratically with it.
double accepted_step(const LogisticLoss& loss, const at::Tensor& w, const at::Tensor& step,
                     double slope) {
  // Without room for rounding, a step that is too short to change the loss would be accepted.
  const double before = loss.value(w), rounding = 1e-13 * std::max(1.0, before);
  for (double length = 1; length > 1e-10; length /= 2)
    if (loss.value(w - step * length) <= before - 1e-4 * length * slope + rounding) return length;
  return 0;
}

at::Tensor newton_step(const LogisticLoss& loss, const at::Tensor& w, const at::Tensor& gradient,
                       const LogisticOptions& options, double norm) {
  try {
    return solve_positive_definite(loss.curvature(w), gradient);
  } catch (const UsageError&) {  // the curvature vanishes only if the loss lacks a minimum
    did_not_converge(options, norm);
  }
}

}  // namespace

LogisticFit fit_logistic(const at::Tensor& features, const at::Tensor& labels,
                         const LogisticOptions& options) {
  check(options);
  const at::Tensor x = widened(features, "logistic regression, features", 2);
  const at::Tensor y = plus_minus(labels, x.size(0));
  // The intercept is the weight of a column of ones without a penalty.
  const at::Tensor rows =
      options.intercept ? at::cat({x, at::ones({x.size(0), 1}, at::kDouble)}, 1) : x;
  at::Tensor penalty = at::full({rows.size(1)}, options.lambda, at::kDouble);
  if (options.intercept) penalty[x.size(1)] = 0;

  const LogisticLoss loss(rows, y, penalty);
  at::Tensor w = at::zeros({rows.size(1)}, at::kDouble);
  LogisticFit fit;
  for (;; ++fit.iterations) {
    const at::Tensor gradient = loss.gradient(w);
    fit.gradient_norm = gradient.norm().item<double>();
    // Without a penalty, separated rows have a gradient that tends to 0 although the weights grow
    // for ever.
    const bool without_minimum = options.lambda == 0 && loss.separates(w);
    if (fit.gradient_norm <= options.tolerance && !without_minimum) break;
    if (fit.iterations == options.iterations || without_minimum)
      did_not_converge(options, fit.gradient_norm);
    const at::Tensor step = newton_step(loss, w, gradient, options, fit.gradient_norm);
    const double slope = gradient.dot(step).item<double>();
    // Near the minimum the loss no longer falls by more than its rounding; full steps still
    // converge there.
    const double length = accepted_step(loss, w, step, slope);
    w = w - step * (length > 0 ? length : 1);
  }
  fit.weights = w.narrow(0, 0, x.size(1)).contiguous();
  fit.intercept = options.intercept ? w[x.size(1)].item<double>() : 0;
  fit.loss = loss.value(w);
  return fit;
}

}  // namespace lensbench::linear_algebra
