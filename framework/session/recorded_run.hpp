#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "archive/archive_reader.hpp"
#include "archive/diff.hpp"
#include "archive/run/run_plan.hpp"

namespace lensbench {

/// What `replay` needs of an archive.
struct RecordedRun {
  std::string file;
  nlohmann::json request, environment, run;
  std::vector<CaseRecord> cases;
  std::vector<FileRecord> files;  ///< that the run read
};

/// Verified and read in a child process (see guard.hpp): nothing but text comes out of it.
/// \throws InputError if the archive is damaged
LENSBENCH_API RecordedRun read_recorded_run(const std::string& file);

/// What `plan` asks otherwise than the archive; in a child process as well.
LENSBENCH_API std::vector<FactDifference> recipe_differences(const std::string& file,
                                                             const RunPlan& plan);

}  // namespace lensbench
