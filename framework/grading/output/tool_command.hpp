#pragma once

#include <string>

#include "grading/output/stories.hpp"
#include "grading/run/grade.hpp"

namespace lensbench::grading {

/// Commands that show what a story tells: the model is planted, unless it was given, and the tool
/// asked about the first prompt of the task.
std::string command_of(const Grades& grades, const GradeRequest& request, const Story& story);

}  // namespace lensbench::grading
