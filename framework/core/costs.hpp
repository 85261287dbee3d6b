#pragma once

#include <cstdint>
#include <lensbench/costs.hpp>
#include <lensbench/export.hpp>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lensbench {

struct Cost {
  double seconds = 0;  ///< wall clock
  /// Most memory the process had resident meanwhile; NaN where the system cannot tell.
  double peak_memory_bytes = std::numeric_limits<double>::quiet_NaN();
  std::int64_t calls = 0;
};

/// What one case cost: whole, by tool, and by component of the model if that was asked for.
struct CaseCosts {
  Cost whole;
  std::map<std::string, Cost> tools;
  std::vector<ProfileEntry> profile;
  std::string session;  ///< when the process that ran it started, as UTC text
};

LENSBENCH_API nlohmann::json to_json(const CaseCosts& costs);
/// \throws nlohmann::json::exception for what `to_json` does not make
LENSBENCH_API CaseCosts costs_from_json(const nlohmann::json& json);

}  // namespace lensbench
