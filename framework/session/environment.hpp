#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lensbench {

/// Everything, apart from the request, that the bits of a result depend on: versions, effective
/// BLAS kernel and threads, CPU, flags. Equal for all runs of one machine and build.
nlohmann::json environment_facts();

/// Environment variables that hold paths of this machine, for `/run`; comparisons ignore them.
nlohmann::json place_variables();

/// Current time in UTC: `2026-01-31T12:00:00Z`.
std::string utc_now();

std::string host_name();

}  // namespace lensbench
