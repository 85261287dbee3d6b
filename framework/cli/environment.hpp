#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace lensbench::cli {

/// What the bits of a result depend on beside the request: versions, effective BLAS kernel and
/// threads, CPU, flags. Equal on two runs of one machine and build.
nlohmann::json environment_facts();

/// `2026-01-31T12:00:00Z`
std::string utc_now();

std::string host_name();

/// Largest resident size of this process so far, bytes.
std::int64_t peak_memory_bytes();

}  // namespace lensbench::cli
