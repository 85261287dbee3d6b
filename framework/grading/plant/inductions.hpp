#pragma once

#include "grading/plant/plan.hpp"

namespace lensbench::grading {

inline constexpr std::int64_t kInductionPositions = 12;

/// The mechanism of `induction` in a model of any family and of these sizes: three blocks of four
/// heads.
Plan plan_inductions(const WiringSizes& sizes, const PlanRequest& request, Philox& random);

}  // namespace lensbench::grading
