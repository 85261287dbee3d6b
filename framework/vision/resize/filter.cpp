#include "vision/resize/filter.hpp"

#include <algorithm>
#include <cmath>

namespace lensbench::vision {
namespace {

constexpr double kSharpness = -0.5;
constexpr double kSupport = 2;

/// Keys' cubic convolution kernel (Keys 1981), with the operations in Pillow's order.
double cubic(double x) {
  constexpr double a = kSharpness;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < kSupport) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/// To fixed point, halves away from zero.
std::int32_t fixed(double weight) {
  const double scaled = weight * (1 << kWeightBits);
  return static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

}  // namespace

AxisFilter bicubic_filter(std::int64_t inputs, std::int64_t outputs) {
  AxisFilter filter;
  filter.taps.reserve(static_cast<std::size_t>(outputs));
  const double scale = static_cast<double>(inputs) / static_cast<double>(outputs);
  const double wide = std::max(scale, 1.0), inverse = 1 / wide, support = kSupport * wide;
  std::vector<double> weights;
  for (std::int64_t i = 0; i < outputs; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<std::int64_t>(static_cast<std::int64_t>(centre - support + 0.5), 0);
    const auto end =
        std::min<std::int64_t>(static_cast<std::int64_t>(centre + support + 0.5), inputs);
    weights.clear();
    double sum = 0;
    for (std::int64_t j = first; j < end; ++j) {
      weights.push_back(cubic((static_cast<double>(j) - centre + 0.5) * inverse));
      sum += weights.back();
    }
    filter.taps.push_back({first, end - first, filter.weights.size()});
    const double factor = sum == 0 ? 1 : 1 / sum;
    for (const double weight : weights) filter.weights.push_back(fixed(weight * factor));
  }
  return filter;
}

}  // namespace lensbench::vision
