#include "integral.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <numbers>

namespace lensbench::inputs {
namespace {

/// Legendre polynomial of degree n and its derivative at x, by Bonnet's recursion.
std::pair<double, double> legendre(std::int64_t n, double x) {
  double before = 1.0, value = x;
  // Bonnet: k P_k = (2k - 1) x P_(k-1) - (k - 1) P_(k-2).
  for (std::int64_t k = 2; k <= n; ++k) {
    const auto d = static_cast<double>(k);
    const double next = ((2.0 * d - 1.0) * x * value - (d - 1.0) * before) / d;
    before = value;
    value = next;
  }
  const auto degree = static_cast<double>(n);
  // P_n' from P_n and P_(n-1); the points never reach x = 1 or -1.
  return {value, degree * (x * value - before) / (x * x - 1.0)};
}

/// Roots by Newton's method from Chebyshev's estimate, moved from [-1, 1] to [0, 1].
Rule gauss_legendre(std::int64_t n) {
  if (n == 1) return {{0.5}, {1.0}};
  Rule rule;
  for (std::int64_t k = 0; k < n; ++k) {
    // Chebyshev's estimate is close enough for Newton's method to find each root once.
    double x = -std::cos(std::numbers::pi * (static_cast<double>(k) + 0.75) /
                         (static_cast<double>(n) + 0.5));
    for (int iteration = 0; iteration < 100; ++iteration) {
      const auto [value, derivative] = legendre(n, x);
      const double change = value / derivative;
      x -= change;
      if (std::abs(change) < 1e-16) break;
    }
    const double derivative = legendre(n, x).second;
    rule.points.push_back((x + 1.0) / 2.0);
    // 2 / ((1 - x^2) P'^2) on [-1, 1], halved for [0, 1].
    rule.weights.push_back(1.0 / ((1.0 - x * x) * derivative * derivative));
  }
  return rule;
}

}  // namespace

Rule integration_rule(const std::string& name, std::int64_t steps) {
  if (steps < 1)
    throw UsageError("input_attribution: steps is " + std::to_string(steps) + "; give at least 1");
  if (name == "gauss_legendre") return gauss_legendre(steps);
  if (name != "midpoint" && name != "trapezoid")
    throw UsageError("input_attribution: unknown rule '" + name +
                     "'; give midpoint, trapezoid or gauss_legendre");
  Rule rule;
  const auto n = static_cast<double>(steps);
  for (std::int64_t k = 0; k < steps; ++k) {
    const auto i = static_cast<double>(k);
    if (name == "midpoint" || steps == 1) {
      rule.points.push_back((i + 0.5) / n);
      rule.weights.push_back(1.0 / n);
    } else {
      const bool end = k == 0 || k + 1 == steps;
      rule.points.push_back(i / (n - 1.0));
      rule.weights.push_back((end ? 0.5 : 1.0) / (n - 1.0));
    }
  }
  return rule;
}

at::Tensor integrated_gradients(const GradientAt& gradient, const at::Tensor& input,
                                const at::Tensor& baseline, const Rule& rule, std::int64_t rows) {
  // float64: the attributions are differences that must sum to the difference of two metrics.
  const at::Tensor from = baseline.to(at::kDouble), way = input.to(at::kDouble) - from;
  at::Tensor mean = at::zeros_like(way);
  const std::size_t together = static_cast<std::size_t>(std::max<std::int64_t>(1, rows));
  for (std::size_t begin = 0; begin < rule.points.size(); begin += together) {
    const std::size_t end = std::min(begin + together, rule.points.size());
    std::vector<at::Tensor> inputs;
    // The inputs have the type of the model only when they enter it.
    for (std::size_t k = begin; k < end; ++k) inputs.push_back(from + way * rule.points[k]);
    const at::Tensor found = gradient(at::stack(inputs).to(input.scalar_type())).to(at::kDouble);
    for (std::size_t k = begin; k < end; ++k)
      mean.add_(found[static_cast<std::int64_t>(k - begin)], rule.weights[k]);
  }
  return way * mean;
}

}  // namespace lensbench::inputs
