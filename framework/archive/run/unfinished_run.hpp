#pragma once

#include <cstddef>
#include <filesystem>
#include <lensbench/export.hpp>

namespace lensbench {

/// What is in the folder of a run that has not been sealed.
struct UnfinishedRun {
  std::size_t planned = 0, complete = 0, failed = 0, damaged = 0;
};

/// Reads every unit and checks it; changes nothing, also not while the run goes on.
/// \param folder  `results/name.run` \throws InputError if its plan cannot be read
LENSBENCH_API UnfinishedRun inspect_run(const std::filesystem::path& folder);

}  // namespace lensbench
