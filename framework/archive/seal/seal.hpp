#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "archive/digest/digests.hpp"
#include "archive/records.hpp"
#include "archive/run/packs.hpp"
#include "archive/run/run_folder.hpp"
#include "archive/run/run_writer.hpp"

namespace lensbench {

/// Facts about one unit.
struct UnitRecord {
  std::string key;
  CaseStatus status = CaseStatus::planned;
  std::string error;
  /// Names of the datasets that the case saved; null for a planned case.
  std::shared_ptr<const std::vector<std::string>> names;
  UnitPlace place;
};

struct SealInput {
  const RunPlan& plan;
  const std::vector<UnitRecord>& units;  ///< in the order of the plan, pass by pass
  /// Reads a dataset of the unit `at`.
  std::function<Dataset(std::size_t at, const std::string& name)> read;
  std::function<CaseCosts(std::size_t at)> costs;  ///< empty: the archive has no costs
  const std::map<std::string, Dataset>& summaries;
  const std::map<std::int64_t, std::string>& vocabulary;
  const std::map<std::int64_t, std::string>& vocabulary_bytes;
  const nlohmann::json& environment;
  const nlohmann::json& run;
};

/// Joins units into the archive `out`, which is verified before it gets its name.
SealResult write_archive(const std::filesystem::path& out, const RunFolder& folder,
                         const SealInput& input);

/// File of the digests of an archive: `results/name.h5` -> `results/name.h5.sha256`.
std::filesystem::path sidecar_of(const std::filesystem::path& archive);
/// Writes the digests to the sidecar of an archive, unless it has them already.
void write_sidecar(const std::filesystem::path& archive, const Digests& digests,
                   const RunFolder& folder);

/// Text for an attribute: invalid UTF-8 and NUL are replaced.
std::string printable_error(const std::string& text);

}  // namespace lensbench
