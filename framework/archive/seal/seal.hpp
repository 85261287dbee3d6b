#pragma once

#include <string>
#include <vector>

#include "archive/digest/digests.hpp"
#include "archive/records.hpp"
#include "archive/run/run_folder.hpp"
#include "archive/run/run_writer.hpp"

namespace lensbench {

/// What is known of one case's unit.
struct UnitRecord {
  std::string key;
  CaseStatus status;
  std::string error;
};

struct SealInput {
  const RunPlan& plan;
  const std::vector<UnitRecord>& units;  ///< in the plan's order
  const std::map<std::string, Dataset>& summaries;
  const std::map<std::int64_t, std::string>& vocabulary;
  const std::map<std::int64_t, std::string>& vocabulary_bytes;
  const nlohmann::json& environment;
  const nlohmann::json& run;
};

/// Packs the units of `folder` into `out`, verified before it is put in place.
SealResult write_archive(const std::filesystem::path& out, const RunFolder& folder,
                         const SealInput& input);

/// `results/name.h5` -> `results/name.h5.sha256`
std::filesystem::path sidecar_of(const std::filesystem::path& archive);
/// The digests beside the archive, unless that is what stands there.
void write_sidecar(const std::filesystem::path& archive, const Digests& digests,
                   const RunFolder& folder);

/// Text an attribute can hold: bad bytes and NUL replaced.
std::string printable_error(const std::string& text);

}  // namespace lensbench
