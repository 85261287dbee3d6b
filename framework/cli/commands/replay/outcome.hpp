#pragma once

#include <filesystem>

#include "archive/run/run_plan.hpp"
#include "session/recorded_run.hpp"

namespace lensbench::cli {

/// Compares the prepared request with the recorded one before anything is computed. \throws
/// InputError with all differences, unless they are allowed
void refuse_other_request(const RecordedRun& recorded, const RunPlan& plan, bool allowed);

/// Prints how the results of a replay compare with those of the archive. \return the exit code
int compare_replay(const std::filesystem::path& file, const std::filesystem::path& out,
                   bool as_json);

}  // namespace lensbench::cli
