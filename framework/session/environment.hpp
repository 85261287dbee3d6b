#pragma once

#include <lensbench/export.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace lensbench {

/// What the bits of a result depend on beside the request: versions, effective BLAS kernel and
/// threads, CPU, flags. Equal on two runs of one machine and build.
nlohmann::json environment_facts();

/// What of the environment's variables names places of this machine: for `/run`, in no comparison.
nlohmann::json place_variables();

/// `2026-01-31T12:00:00Z`
LENSBENCH_API std::string utc_now();

std::string host_name();

}  // namespace lensbench
