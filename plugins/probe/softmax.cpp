#include "softmax.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/diag.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/linear_algebra.hpp>
#include <string>
#include <utility>

namespace lensbench::probing {
namespace {

/// The loss as a function of the coefficients [class, feature + 1], the intercepts last.
class SoftmaxLoss {
 public:
  SoftmaxLoss(const at::Tensor& rows, const at::Tensor& labels, std::int64_t classes, double lambda)
      : rows_(at::cat({rows, at::ones({rows.size(0), 1}, at::kDouble)}, 1)),
        targets_(at::zeros({rows.size(0), classes}, at::kDouble)),
        penalty_(at::full({rows.size(1) + 1}, lambda, at::kDouble)) {
    targets_.scatter_(1, labels.unsqueeze(1), 1.0);
    penalty_[rows.size(1)] = 0;
  }

  at::Tensor start() const { return at::zeros({targets_.size(1), rows_.size(1)}, at::kDouble); }
  std::int64_t coefficients() const { return targets_.size(1) * rows_.size(1); }

  double value(const at::Tensor& w) const {
    const at::Tensor z = at::matmul(rows_, w.t());
    const double fit = (at::logsumexp(z, 1) - (z * targets_).sum(1)).sum().item<double>();
    return fit + 0.5 * (penalty_ * w * w).sum().item<double>();
  }
  at::Tensor probabilities(const at::Tensor& w) const {
    return at::softmax(at::matmul(rows_, w.t()), 1);
  }
  at::Tensor gradient(const at::Tensor& w, const at::Tensor& p) const {
    return at::matmul((p - targets_).t(), rows_) + penalty_ * w;
  }

  /// Curvature times a direction. The same number added to all intercepts changes nothing, so the
  /// curvature lacks that direction; their sum is held at 0 by a term of its own.
  at::Tensor curve(const at::Tensor& p, const at::Tensor& v) const {
    const at::Tensor u = at::matmul(rows_, v.t());
    const at::Tensor pulled = p * (u - (p * u).sum(1, true));
    at::Tensor out = at::matmul(pulled.t(), rows_) + penalty_ * v;
    at::Tensor intercepts = out.select(1, out.size(1) - 1);
    intercepts.add_(v.select(1, v.size(1) - 1).sum());
    return out;
  }

  /// Second derivative of the loss as a matrix over all coefficients.
  at::Tensor curvature(const at::Tensor& p) const {
    const std::int64_t classes = targets_.size(1), width = rows_.size(1);
    at::Tensor matrix = at::zeros({classes, width, classes, width}, at::kDouble);
    for (std::int64_t a = 0; a < classes; ++a)
      for (std::int64_t b = 0; b <= a; ++b) {
        const at::Tensor pa = p.select(1, a);
        const at::Tensor weight = a == b ? pa * (1 - pa) : -pa * p.select(1, b);
        at::Tensor block = at::matmul(rows_.t(), rows_ * weight.unsqueeze(1));
        if (a == b) block = block + at::diag(penalty_);
        block[width - 1][width - 1].add_(1.0);
        matrix.select(0, a).select(1, b).copy_(block);
        matrix.select(0, b).select(1, a).copy_(block.t());
      }
    return matrix.view({classes * width, classes * width});
  }

  /// Diagonal of the curvature, by which conjugate gradients are scaled.
  at::Tensor diagonal(const at::Tensor& p) const {
    at::Tensor out = at::matmul((p * (1 - p)).t(), rows_ * rows_) + penalty_;
    out.select(1, out.size(1) - 1).add_(1.0);
    return out.clamp_min(1e-300);
  }

 private:
  at::Tensor rows_, targets_, penalty_;
};

double inner_product(const at::Tensor& a, const at::Tensor& b) {
  return (a * b).sum().item<double>();
}

/// Newton step by preconditioned conjugate gradients, as exact as the distance to the minimum asks
/// for (Nocedal and Wright, Numerical Optimization, 2nd ed., section 7.1).
at::Tensor step_by_products(const SoftmaxLoss& loss, const at::Tensor& p,
                            const at::Tensor& gradient, double norm) {
  const at::Tensor diagonal = loss.diagonal(p);
  const double wanted = std::min(1e-3, std::sqrt(norm)) * norm;
  at::Tensor step = at::zeros_like(gradient), rest = gradient.clone();
  at::Tensor scaled = rest / diagonal, direction = scaled.clone();
  double size = inner_product(rest, scaled);
  const std::int64_t most = 2 * loss.coefficients() + 100;
  for (std::int64_t i = 0; i < most && rest.norm().item<double>() > wanted; ++i) {
    const at::Tensor curved = loss.curve(p, direction);
    const double length = size / inner_product(direction, curved);
    step.add_(direction, length);
    rest.sub_(curved, length);
    scaled = rest / diagonal;
    const double next = inner_product(rest, scaled);
    direction = scaled + direction * (next / size);
    size = next;
  }
  return step;
}

/// Length of a step that reduces the loss enough (Armijo's rule) up to its rounding: near the
/// minimum the loss no longer falls by more than that, and full steps still converge.
double accepted_length(const SoftmaxLoss& loss, const at::Tensor& w, const at::Tensor& step,
                       double slope) {
  const double before = loss.value(w), rounding = 1e-13 * std::max(1.0, before);
  for (double length = 1; length > 1e-10; length /= 2)
    if (loss.value(w - step * length) <= before - 1e-4 * length * slope + rounding) return length;
  return 1;
}

}  // namespace

SoftmaxFit fit_softmax(const at::Tensor& rows, const at::Tensor& labels, std::int64_t classes,
                       const SoftmaxOptions& options) {
  const SoftmaxLoss loss(rows, labels, classes, options.lambda);
  const bool dense = loss.coefficients() <= options.most_dense;
  at::Tensor w = loss.start();
  SoftmaxFit fit;
  for (std::int64_t i = 0;; ++i) {
    const at::Tensor p = loss.probabilities(w);
    const at::Tensor gradient = loss.gradient(w, p);
    fit.gradient_norm = gradient.norm().item<double>();
    if (fit.gradient_norm <= options.tolerance) break;
    if (i == options.iterations || !std::isfinite(fit.gradient_norm))
      throw RunError("probe: the fit did not end after " + std::to_string(i) +
                     " steps; give a larger value in lambdas");
    const at::Tensor step =
        dense ? linear_algebra::solve_positive_definite(loss.curvature(p), gradient.reshape({-1}))
                    .view_as(gradient)
              : step_by_products(loss, p, gradient, fit.gradient_norm);
    w = w - step * accepted_length(loss, w, step, inner_product(gradient, step));
  }
  fit.weights = w.narrow(1, 0, rows.size(1)).contiguous();
  fit.intercepts = w.select(1, rows.size(1)).contiguous();
  return fit;
}

}  // namespace lensbench::probing
