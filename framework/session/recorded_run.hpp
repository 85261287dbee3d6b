#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "archive/archive_reader.hpp"
#include "archive/diff.hpp"
#include "archive/run/run_plan.hpp"

namespace lensbench {

/// A picture of a recorded case.
struct RecordedPicture {
  std::size_t case_number = 0;
  std::string name, sha256;
};

/// Contents of an archive that `replay` needs.
struct RecordedRun {
  std::string file;
  nlohmann::json request, environment, run;
  std::vector<CaseRecord> cases;
  std::vector<FileRecord> files;               ///< files that the run read
  std::vector<RecordedPicture> pictures = {};  ///< case by case, in order
  std::int64_t format = kArchiveFormat;
};

/// Sentence about the version that made an archive of an earlier format; empty for the format that
/// this version writes.
std::string earlier_format_note(const RecordedRun& recorded);

/// Verifies and reads an archive in a child process (see guard.hpp), which returns only text.
/// \throws InputError if the archive is damaged
RecordedRun read_recorded_run(const std::string& file);

/// Differences between `plan` and the request of the archive, which a child process reads.
std::vector<FactDifference> recipe_differences(const std::string& file, const RunPlan& plan);

}  // namespace lensbench
