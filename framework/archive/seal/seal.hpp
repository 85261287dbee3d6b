#pragma once

#include <string>
#include <vector>

#include "archive/digest/digests.hpp"
#include "archive/records.hpp"
#include "archive/run/case_file_cache.hpp"
#include "archive/run/run_folder.hpp"
#include "archive/run/run_writer.hpp"

namespace lensbench {

/// Facts about one case file.
struct CaseFileRecord {
  std::string key;
  CaseStatus status;
  std::string error;
  std::vector<std::string> names;  ///< datasets that the case saved
};

struct SealInput {
  const RunPlan& plan;
  const std::vector<CaseFileRecord>& case_files;  ///< in the order of the plan, pass by pass
  CaseFileCache& cache;                           ///< contents of the case files
  const std::map<std::string, Dataset>& summaries;
  const std::map<std::int64_t, std::string>& vocabulary;
  const std::map<std::int64_t, std::string>& vocabulary_bytes;
  const nlohmann::json& environment;
  const nlohmann::json& run;
};

/// Packs the case files of `folder` into the archive `out`, which is verified before it gets its
/// name.
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
