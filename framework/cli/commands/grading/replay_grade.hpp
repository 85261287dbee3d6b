#pragma once

#include "cli/parse/options.hpp"
#include "session/recorded_run.hpp"

namespace lensbench::cli {

/// Repeats a recorded grading: models that were planted are planted anew, others are searched where
/// they were, or in the folder that --model names. \return the exit code of `replay`
int replay_grade(const RecordedRun& recorded, const Options& options);

}  // namespace lensbench::cli
