#pragma once

#include <cstddef>
#include <filesystem>

namespace lensbench {

/// Numbers of cases in the folder of an unsealed run.
struct UnfinishedRun {
  std::size_t planned = 0, complete = 0, failed = 0, damaged = 0;
};

/// Reads and checks all case files of a run, which may be in progress; changes nothing.
/// \param folder  `results/name.run`
/// \throws InputError if its plan cannot be read
UnfinishedRun inspect_run(const std::filesystem::path& folder);

}  // namespace lensbench
