#pragma once

#include <string>
#include <vector>

#include "grading/run/grade.hpp"
#include "report/terminal/terminal.hpp"

namespace lensbench::grading {

/// Lines for people: a table for each kind of claim, best first, then the worst items, the stories,
/// and the tools without a score.
std::vector<std::string> grade_text(const Grades& grades, const GradeRequest& request,
                                    const TerminalStyle& style);

/// One JSON object a line for each (tool, settings, claim, metric), and one for each tool without a
/// score. Numbers that are not defined are null.
std::vector<std::string> grade_json_lines(const Grades& grades);

}  // namespace lensbench::grading
