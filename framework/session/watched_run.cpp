#include "session/watched_run.hpp"

#include "archive/run/run_folder.hpp"

namespace lensbench {

WatchedRun::WatchedRun(RunWriter& writer, const std::filesystem::path& out,
                       const std::string& session, const std::vector<CaseInput>& cases)
    : advice_("; every finished case is safe in " + run_folder_of(out).string() +
              "; run the command again with --resume"),
      crash_(advice_),
      sink_(writer, session, cases, crash_),
      guard_([this] {
        return (sink_.now().empty() ? "the run" : sink_.now()) +
               ": code of a plug-in ended the process with exit()" + advice_;
      }) {}

}  // namespace lensbench
