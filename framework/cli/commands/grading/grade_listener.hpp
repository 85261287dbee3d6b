#pragma once

#include "grading/run/grade.hpp"

namespace lensbench::cli {

/// Listener that prints warnings, and on a terminal the number of tasks that are done.
grading::GradeListener grade_listener(bool quiet);

}  // namespace lensbench::cli
