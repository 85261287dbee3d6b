#pragma once

#include <cstdint>
#include <vector>

namespace lensbench::vision {

/// Bits after the point of the weights.
inline constexpr int kWeightBits = 22;

/// Weights by which each output of one axis is made of inputs, in fixed point.
struct AxisFilter {
  /// The inputs of one output: `count` ones from `first` on, weights from `weight` on.
  struct Taps {
    std::int64_t first;
    std::int64_t count;
    std::size_t weight;
  };
  std::vector<Taps> taps;
  std::vector<std::int32_t> weights;
};

/// Antialiased bicubic filter from `inputs` to `outputs` samples.
AxisFilter bicubic_filter(std::int64_t inputs, std::int64_t outputs);

}  // namespace lensbench::vision
