#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "grading/plant/assemble.hpp"

namespace lensbench::grading {

/// A planted model to build.
struct PlantRequest {
  std::string kind = "induction";
  std::int64_t seed = 1;
  Gauge gauge = Gauge::aligned;
  std::int64_t prompts = 12;  ///< of each task
  bool edges = true;          ///< whether the effects of edges are measured, which takes longest
};

/// Kind and what it plants.
struct PlantKind {
  std::string name, summary;
};

/// Kinds that can be planted, in the order of listings.
const std::vector<PlantKind>& plant_kinds();

/// Builds a model in memory, and writes config.json, model.safetensors and truth.json to a folder
/// that exists. The effects are those of the stored float32 weights, computed in float64.
/// \return what truth.json says
/// \throws UsageError for an unknown kind, with the nearest names; RunError if writing fails
Truth plant(const PlantRequest& request, const std::filesystem::path& folder);

}  // namespace lensbench::grading
