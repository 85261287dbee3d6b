#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace lensbench {

/// One process that has written cases of a run.
struct SeenWriter {
  std::string host;
  std::string part;         ///< number of its shard or rank
  std::size_t units = 0;    ///< cases that it wrote, pass by pass
  double last_seconds = 0;  ///< time of its last unit, in seconds after that of the first process
};

/// How far several processes have come with a run.
struct SharedProgress {
  std::size_t units = 0;    ///< cases of all passes that are over, each once
  std::size_t planned = 0;  ///< cases of all passes
  double seconds = 0;       ///< from the beginning of the first process to the last unit
  std::vector<SeenWriter> writers;
};

/// Counts what is in the files of a run, by the heads of frames alone; changes nothing. Times are
/// those of the file system, so that the clocks of the processes do not matter.
/// \param run  folder of a run that is shared
/// \throws InputError if its plan or a file cannot be read
SharedProgress shared_progress(const std::filesystem::path& run);

}  // namespace lensbench
