#pragma once

#include <limits>

namespace lensbench::token_analysis {

// Logits are float32, so a probability written as a logit is off by up to 6e-8 of itself.
inline constexpr double kFloat32 = 1e-7;
// Float64 sums of a few hundred terms.
inline constexpr double kFloat64 = 1e-12;
inline constexpr float kInf = std::numeric_limits<float>::infinity();

}  // namespace lensbench::token_analysis
