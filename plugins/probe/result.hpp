#pragma once

#include <cstdint>
#include <lensbench/dataset.hpp>

#include "fits.hpp"
#include "plan.hpp"

namespace lensbench::probing {

/// Variables, checks and attributes of the fits of a plan.
Dataset result_of(const ProbePlan& plan, const Fits& fits, std::uint64_t seed);

}  // namespace lensbench::probing
