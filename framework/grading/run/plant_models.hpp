#pragma once

#include <filesystem>
#include <vector>

#include "grading/run/grade.hpp"

namespace lensbench::grading {

/// Every kind with every seed, in a basis that hides the mechanism.
/// \param kinds  names; empty: all that can be planted
/// \throws UsageError for an unknown kind, with the nearest names
std::vector<PlantRequest> planted_kinds(const std::vector<std::string>& kinds,
                                        const std::vector<std::int64_t>& seeds);

/// Plants the models of a request, each in a folder of its own, and gives their folders to the
/// request.
/// \throws UsageError for an unknown kind; RunError if it was stopped
void plant_models(GradeRequest& request, const std::filesystem::path& folder,
                  const GradeListener& listener);

}  // namespace lensbench::grading
