#pragma once

#include <lensbench/dataset.hpp>
#include <map>
#include <string>

#include "grading/run/grade.hpp"

namespace lensbench::grading {

/// Name of the dataset whose variable `text` has the lines that were printed.
inline constexpr const char* kReport = "report";
/// Name of the dataset of the scores.
inline constexpr const char* kScores = "scores";
/// Name of the dataset of the tools without a score.
inline constexpr const char* kWithoutScore = "without_score";

/// The datasets that sum up a grading, by name: `scores` (entry, metric), with the story of an
/// entry and the command that shows it; `report`, the lines that are printed; `without_score`, if a
/// tool has none.
std::map<std::string, Dataset> summaries_of(const Grades& grades, const GradeRequest& request);

}  // namespace lensbench::grading
