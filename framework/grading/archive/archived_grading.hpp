#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "archive/run/run_plan.hpp"
#include "archive/run/run_writer.hpp"
#include "grading/run/grade.hpp"

namespace lensbench::grading {

/// A grading and the archive that it is kept in.
struct ArchivedGrades {
  Grades grades;
  SealResult sealed;
};

/// Runs a grading whose tasks are kept in the folder of a run as they are done, then seals the
/// archive.
/// \param plan    `plan_of` the grading
/// \param resume  go on with an interrupted run
/// \param argv    words of the command, stored in the archive
/// \throws RunError if it was stopped: the tasks that are done are safe; as `RunWriter::start`
ArchivedGrades archive_grades(Grading& grading, const RunPlan& plan, const GradeRequest& request,
                              const std::filesystem::path& out, bool resume,
                              const std::vector<std::string>& argv);

}  // namespace lensbench::grading
