#pragma once

#include <cstdint>

#include "grading/run/grade.hpp"

namespace lensbench::grading {

/// Models that a grading plants, or asks about, at a time: one if a parameter names a file.
std::int64_t worker_count(const GradeRequest& request);

}  // namespace lensbench::grading
