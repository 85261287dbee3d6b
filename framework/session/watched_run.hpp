#pragma once

#include <filesystem>
#include <lensbench/experiment.hpp>
#include <string>
#include <vector>

#include "archive/run/run_writer.hpp"
#include "session/archive_sink.hpp"
#include "session/process/crash_report.hpp"
#include "session/process/exit_guard.hpp"

namespace lensbench {

/// Sink of a run for code of plug-ins, which may crash or call `exit` in any of its functions: then
/// the process says what ran, and how to go on. One object at a time.
class WatchedRun {
 public:
  /// \param out      archive of the run
  /// \param session  start time of this process
  /// \param cases    cases of the run, which must outlive this object
  WatchedRun(RunWriter& writer, const std::filesystem::path& out, const std::string& session,
             const std::vector<CaseInput>& cases);
  ArchiveSink& sink() { return sink_; }

 private:
  std::string advice_;
  CrashReport crash_;
  ArchiveSink sink_;
  ExitGuard guard_;
};

}  // namespace lensbench
