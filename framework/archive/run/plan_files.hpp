#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "archive/run/run_plan.hpp"

// The plan of a run in files, which are written once and then only read:
//   request.json  the plan without its cases
//   cases.bin     the cases, one JSON object after the other
//   cases.idx     a head of 32 bytes, then a record of 32 bytes a case, so that a reader finds a
//                 case without reading those before it
//   READY         number of cases and checksums of these files; without it the plan is incomplete

namespace lensbench {

/// Record of a case in `cases.idx`.
struct CaseIndexRecord {
  std::uint64_t offset = 0, bytes = 0;  ///< place in `cases.bin`
  std::uint64_t tokens = 0;             ///< number of tokens of the prompt
  std::uint64_t id_checksum = 0;        ///< lower half of the XXH3 checksum of the id
};

/// Whether the folder has a complete plan.
bool has_plan(const std::filesystem::path& folder);

/// Writes a plan, which is complete and survives a power cut after the return.
/// \throws RunError
void write_plan(const std::filesystem::path& folder, const RunPlan& plan);

/// Number of cases of a complete plan. \throws InputError
std::size_t planned_cases(const std::filesystem::path& folder);

/// The plan without its cases. \throws InputError
nlohmann::json planned_request(const std::filesystem::path& folder);

/// One case of a plan, read by its record. \throws InputError
nlohmann::json planned_case(const std::filesystem::path& folder, std::size_t index);

/// Description of the differences between the plan of a folder and another; empty if they are
/// equal. \throws InputError
std::string difference_from_plan(const std::filesystem::path& folder, const RunPlan& plan);

}  // namespace lensbench
