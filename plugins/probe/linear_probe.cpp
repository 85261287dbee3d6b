#include "linear_probe.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <lensbench/linear_algebra.hpp>
#include <tuple>
#include <utility>

#include "softmax.hpp"

namespace lensbench::probing {
namespace {

constexpr std::array<std::pair<const char*, Kind>, 5> kKinds = {{
    {"logistic", Kind::logistic},
    {"ridge", Kind::ridge},
    {"mean_difference", Kind::mean_difference},
    {"mass_mean", Kind::mass_mean},
    {"sparse", Kind::sparse},
}};

/// Subtracts the scores of class 0 where there are two classes, which leaves their difference.
LinearProbe with_reference(at::Tensor weights, at::Tensor intercepts) {
  if (weights.size(0) != 2) return {std::move(weights), std::move(intercepts)};
  return {weights - weights[0].clone(), intercepts - intercepts[0].clone()};
}

/// The k coordinates with the largest difference between the mean of a class and that of all other
/// rows, in ascending order.
at::Tensor separating_coordinates(const at::Tensor& rows, const at::Tensor& labels,
                                  std::int64_t classes, std::int64_t k) {
  at::Tensor best = at::zeros({rows.size(1)}, at::kDouble);
  for (std::int64_t c = 0; c < classes; ++c) {
    const at::Tensor own = labels.eq(c).to(at::kDouble), other = 1 - own;
    const at::Tensor difference =
        at::mv(rows.t(), own / own.sum()) - at::mv(rows.t(), other / other.sum());
    best = at::maximum(best, difference.abs());
  }
  const at::Tensor order = std::get<1>(at::sort(best, /*stable=*/true, /*dim=*/0, true));
  return std::get<0>(order.narrow(0, 0, std::min(k, rows.size(1))).sort());
}

/// S^-1 applied to the rows of `right`, S the shrunk covariance of `centred`. A covariance of 0 is
/// taken for a multiple of the identity.
at::Tensor by_inverse_covariance(const at::Tensor& centred, const at::Tensor& right) {
  const Shrinkage shrunk = ledoit_wolf(centred);
  if (!(shrunk.scale > 0)) return right;
  const double n = static_cast<double>(centred.size(0));
  // The floor keeps a covariance solvable that is not shrunk and lacks directions.
  const double diagonal = std::max(shrunk.shrinkage, 1e-12) * shrunk.scale;
  const double factor = (1 - shrunk.shrinkage) / n;
  if (centred.size(1) <= centred.size(0)) {
    const at::Tensor matrix = factor * at::matmul(centred.t(), centred) +
                              diagonal * at::eye(centred.size(1), at::kDouble);
    return linear_algebra::solve_positive_definite(matrix, right.t().contiguous()).t();
  }
  // (a x^T x + d I)^-1 v = (v - a x^T (d I + a x x^T)^-1 x v) / d, with a matrix of rows by rows.
  const at::Tensor matrix =
      factor * at::matmul(centred, centred.t()) + diagonal * at::eye(centred.size(0), at::kDouble);
  const at::Tensor seen = at::matmul(centred, right.t());
  const at::Tensor inner = linear_algebra::solve_positive_definite(matrix, seen);
  return (right - factor * at::matmul(centred.t(), inner).t()) / diagonal;
}

/// Scores -|x - mean|² / 2 in the metric, up to what is equal for all classes.
LinearProbe of_means(const at::Tensor& rows, const at::Tensor& labels, std::int64_t classes,
                     bool by_mass) {
  const at::Tensor means = class_means(rows, labels, classes);
  at::Tensor weights = means;
  if (by_mass) weights = by_inverse_covariance(rows - means.index_select(0, labels), means);
  return with_reference(weights, -0.5 * (weights * means).sum(1));
}

}  // namespace

Kind kind_of(const std::string& name) {
  for (const auto& [known, kind] : kKinds)
    if (name == known) return kind;
  throw UsageError("probe: kind is '" + name +
                   "'; expected logistic, ridge, mean_difference, mass_mean or sparse");
}

bool has_lambda(Kind kind) {
  return kind == Kind::logistic || kind == Kind::ridge || kind == Kind::sparse;
}

bool has_probabilities(Kind kind) {
  return kind == Kind::logistic || kind == Kind::sparse || kind == Kind::mass_mean;
}

at::Tensor LinearProbe::scores(const at::Tensor& rows) const {
  return at::matmul(rows.to(at::kDouble), weights.t()) + intercepts;
}

at::Tensor class_means(const at::Tensor& rows, const at::Tensor& labels, std::int64_t classes) {
  at::Tensor member = at::zeros({classes, rows.size(0)}, at::kDouble);
  member.scatter_(0, labels.unsqueeze(0), 1.0);
  return at::matmul(member / member.sum(1, true), rows);
}

Shrinkage ledoit_wolf(const at::Tensor& centred) {
  const auto n = static_cast<double>(centred.size(0)), d = static_cast<double>(centred.size(1));
  const at::Tensor squares = centred.square();
  const double trace = squares.sum().item<double>() / n, scale = trace / d;
  const at::Tensor product = centred.size(1) <= centred.size(0) ? at::matmul(centred.t(), centred)
                                                                : at::matmul(centred, centred.t());
  const double size = product.square().sum().item<double>() / (n * n);  // |S|²
  const double fourth = squares.sum(1).square().sum().item<double>();
  const double spread = (fourth / n - size) / (d * n);
  const double distance = (size - 2 * scale * trace + d * scale * scale) / d;
  const double least = std::min(spread, distance);
  return {.shrinkage = least > 0 ? least / distance : 0, .scale = scale};
}

TrainingRows::TrainingRows(const at::Tensor& rows, const at::Tensor& labels, std::int64_t classes,
                           const ProbeSettings& settings)
    : settings_(settings), classes_(classes), features_(rows.size(1)), labels_(labels) {
  if (!has_lambda(settings.kind)) {
    closed_ = of_means(rows, labels, classes, settings.kind == Kind::mass_mean);
    return;
  }
  at::Tensor chosen = rows;
  if (settings.kind == Kind::sparse) {
    coordinates_ = separating_coordinates(rows, labels, classes, settings.sparse_k);
    chosen = rows.index_select(1, coordinates_);
  }
  mean_ = at::zeros({chosen.size(1)}, at::kDouble);
  scale_ = at::ones({chosen.size(1)}, at::kDouble);
  if (settings.standardize) {
    mean_ = chosen.mean(0);
    const at::Tensor deviation = (chosen - mean_).square().mean(0).sqrt();
    // A coordinate that is constant up to rounding would be all rounding after scaling.
    const at::Tensor constant = deviation <= 1e-12 * mean_.abs();
    scale_ = at::where(constant, at::ones_like(deviation), deviation);
    chosen = at::where(constant, at::zeros_like(chosen), (chosen - mean_) / scale_);
  }
  own_ = chosen;
  if (chosen.size(1) <= chosen.size(0)) return;
  // The solution is a combination of the rows, so coordinates in their span are enough.
  const auto [q, r] = at::linalg_qr(chosen.t());
  basis_ = q;
  own_ = r.t().contiguous();
}

LinearProbe TrainingRows::fit(double lambda) const {
  if (!has_lambda(settings_.kind)) return closed_;
  return settings_.kind == Kind::ridge ? ridge(lambda) : logistic(lambda);
}

LinearProbe TrainingRows::logistic(double lambda) const {
  if (classes_ == 2 && own_.size(1) <= settings_.most_dense) {
    const auto fit = linear_algebra::fit_logistic(own_, labels_, {.lambda = lambda});
    return in_features(at::stack({at::zeros_like(fit.weights), fit.weights}),
                       at::tensor(std::vector<double>{0.0, fit.intercept}, at::kDouble));
  }
  // With two classes, each carries half of w: |w/2|² + |w/2|² is half of |w|².
  const SoftmaxFit fit =
      fit_softmax(own_, labels_, classes_, {.lambda = classes_ == 2 ? 2 * lambda : lambda});
  return in_features(fit.weights, fit.intercepts);
}

LinearProbe TrainingRows::ridge(double lambda) const {
  const at::Tensor targets =
      at::full({own_.size(0), classes_}, -1.0, at::kDouble).scatter_(1, labels_.unsqueeze(1), 1.0);
  const at::Tensor mean = own_.mean(0), level = targets.mean(0);
  const at::Tensor centred = own_ - mean;
  const at::Tensor matrix =
      at::matmul(centred.t(), centred) + lambda * at::eye(own_.size(1), at::kDouble);
  const at::Tensor weights =
      linear_algebra::solve_positive_definite(matrix, at::matmul(centred.t(), targets - level)).t();
  const at::Tensor intercepts = level - at::mv(weights, mean);
  // Two classes have opposite targets; the score of one is the regression itself.
  if (classes_ == 2)
    return in_features(at::stack({at::zeros_like(weights[1]), weights[1]}),
                       at::stack({at::zeros_like(intercepts[1]), intercepts[1]}));
  return in_features(weights, intercepts);
}

LinearProbe TrainingRows::in_features(const at::Tensor& weights,
                                      const at::Tensor& intercepts) const {
  const at::Tensor scaled = basis_.defined() ? at::matmul(weights, basis_.t()) : weights;
  const at::Tensor raw = scaled / scale_;
  const at::Tensor shifted = intercepts - at::mv(raw, mean_);
  if (!coordinates_.defined()) return with_reference(raw, shifted);
  const at::Tensor spread =
      at::zeros({classes_, features_}, at::kDouble).index_copy(1, coordinates_, raw);
  return with_reference(spread, shifted);
}

}  // namespace lensbench::probing
