#include "archive/run/unfinished_run.hpp"

#include <lensbench/error.hpp>
#include <set>
#include <string>

#include "archive/run/pack_files.hpp"
#include "archive/run/plan_files.hpp"

// Content of the folder of a run, for `verify`. Every unit is read and compared with its checksum.

namespace lensbench {

UnfinishedRun inspect_run(const std::filesystem::path& folder) {
  if (!has_plan(folder / "plan"))
    throw InputError(
        folder.string() +
        ": not the folder of an interrupted run, or of an earlier version of lensbench "
        "(plan/READY is missing)");
  UnfinishedRun run;
  run.planned = planned_cases(folder / "plan");
  // Keys and not frames are counted: a case that failed and then completed has two frames.
  std::set<std::string> complete, failed;
  for (const auto& file : frame_files(folder))
    run.damaged += scan_frames(file, [&](const FrameHead& head, std::uint64_t, const Bytes& bytes) {
                     const Unit unit(bytes.bytes, bytes.owner, file.string());
                     (unit.failed() ? failed : complete).insert(head.key);
                   }).damaged;
  for (const std::string& key : complete) failed.erase(key);
  run.complete = complete.size();
  run.failed = failed.size();
  return run;
}

}  // namespace lensbench
