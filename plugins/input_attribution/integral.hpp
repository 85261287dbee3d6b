#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace lensbench::inputs {

/// Points of a rule on [0, 1] and their weights, which sum to 1.
struct Rule {
  std::vector<double> points, weights;
};

/// `midpoint`: (k + 1/2) / n; `trapezoid`: k / (n - 1) (the midpoint for one step);
/// `gauss_legendre`, exact for polynomials of degree 2n - 1.
/// \throws UsageError for another name, or fewer than one step
Rule integration_rule(const std::string& name, std::int64_t steps);

/// Gradients at several inputs, [row, ...] for inputs [row, ...].
using GradientAt = std::function<at::Tensor(const at::Tensor& inputs)>;

/// Integrated gradients (x - x') * sum_k w_k gradient(x' + alpha_k (x - x')), in float64.
/// \param rows  points that are evaluated together
at::Tensor integrated_gradients(const GradientAt& gradient, const at::Tensor& input,
                                const at::Tensor& baseline, const Rule& rule, std::int64_t rows);

}  // namespace lensbench::inputs
