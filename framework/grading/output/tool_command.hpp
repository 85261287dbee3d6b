#pragma once

#include <string>

#include "grading/run/grade.hpp"

namespace lensbench::grading {

/// Commands that show what an entry claims about the first prompt of a task: the model is planted,
/// unless it was given, and the tool asked.
/// \param entry, task  indices into `Grades::entries` and `Grades::tasks`
std::string command_of(const Grades& grades, const GradeRequest& request, std::size_t entry,
                       std::size_t task);

}  // namespace lensbench::grading
