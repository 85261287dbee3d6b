#pragma once

#include <cstdint>
#include <lensbench/costs.hpp>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lensbench {

struct Cost {
  double seconds = 0;  ///< wall clock
  /// Peak resident memory of the process during that time; NaN if the system does not report it.
  double peak_memory_bytes = std::numeric_limits<double>::quiet_NaN();
  std::int64_t calls = 0;
};

/// Costs of one case: in total, by tool, and by model component if profiling was requested.
struct CaseCosts {
  Cost whole;
  std::map<std::string, Cost> tools;
  std::vector<ProfileEntry> profile;
  std::string session;  ///< start time, as UTC text, of the process that ran the case
};

nlohmann::json to_json(const CaseCosts& costs);
/// Inverse of `to_json`. \throws nlohmann::json::exception for JSON of another form
CaseCosts costs_from_json(const nlohmann::json& json);

}  // namespace lensbench
