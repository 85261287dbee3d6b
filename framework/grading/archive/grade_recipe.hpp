#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "archive/run/run_plan.hpp"
#include "grading/run/grade.hpp"

namespace lensbench::grading {

/// What a graded archive has as `kind` of its request.
inline constexpr const char* kGradeKind = "grade";

/// Whether the request of an archive is that of a grading.
bool is_grade_request(const nlohmann::json& request);

/// The complete request of a grading: what was asked, the SHA-256 of every file of the models and
/// of every plug-in, and one case for each task.
RunPlan plan_of(const GradeRequest& request, const Grading& grading);

/// The request that an archive holds, without plug-ins, folders and threads.
/// \param subject  names the archive in messages
/// \throws InputError if it is not the request of a grading
GradeRequest grade_request(const nlohmann::json& request, const std::string& subject);

/// Controls by their names, separated by commas; `none` for no control.
/// \throws UsageError with the nearest names for an unknown one
Controls controls_of(const std::string& list);
std::string names_of(const Controls& controls);

}  // namespace lensbench::grading
