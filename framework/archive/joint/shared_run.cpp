#include "archive/joint/shared_run.hpp"

#include <cerrno>
#include <cstdio>
#include <lensbench/error.hpp>
#include <string>
#include <system_error>
#include <thread>

#include "archive/joint/link_file.hpp"
#include "archive/joint/shareable_folder.hpp"
#include "archive/run/pack_files.hpp"
#include "archive/run/plan_files.hpp"
#include "core/files/atomic_file.hpp"
#include "core/text/json.hpp"
#include "core/text/json_difference.hpp"

// The rules of a run that several processes write, perhaps on several machines: each file has one
// writer, no file is replaced, and what exists once is decided by the file system (`link`, `rename`
// of a folder), not by locks, which many network file systems lack or keep within one machine.

namespace lensbench {
namespace {

using nlohmann::json;
using std::filesystem::path;

path mark_of(const path& plan) {
  return plan / "joint.json";
}

path environment_file(const path& run) {
  return run / "environment.json";
}

const json& joint_mark() {
  static const json text = {{"layout", 1}};
  return text;
}

/// A plan is not given to cases that another one may have had.
void refuse_orphans(const RunFolder& folder) {
  if (pack_files(folder.path()).empty() && part_files(folder.path()).empty()) return;
  // The process that has just planned the run may have computed cases already.
  if (has_plan(folder.plan())) return;
  throw UsageError(folder.path().string() +
                   ": has cases of a run whose plan is gone; remove the folder, or choose another "
                   "file");
}

/// A folder appears under a name in one step, and never in place of one that has files.
/// \return false if the name is taken
bool publish_folder(const path& from, const path& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) {
    sync_folder(to.parent_path());
    return true;
  }
  const int error = errno;
  // A network file system may repeat a request whose answer was lost, and then report that `from`
  // is gone.
  if (error != ENOTEMPTY && error != EEXIST && !(error == ENOENT && has_plan(to)))
    throw_file_error(to, "cannot be put in place of '" + from.string() + "'", error);
  return false;
}

/// Other processes of this moment see a new plan late on some network file systems.
void wait_for_plan(const RunFolder& folder, std::chrono::seconds patience) {
  constexpr std::chrono::milliseconds kPause{100};
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!has_plan(folder.plan())) {
    if (std::chrono::steady_clock::now() >= end)
      throw RunError(folder.path().string() +
                     ": its plan was begun and is not complete (plan/READY is missing after " +
                     std::to_string(patience.count()) +
                     " s); if no process is planning it, remove the folder and start again");
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace

bool is_shared_run(const path& run) {
  std::error_code ignored;
  return std::filesystem::exists(mark_of(run / "plan"), ignored);
}

bool plan_shared_run(const RunFolder& folder, const RunPlan& plan, std::chrono::seconds patience) {
  if (has_plan(folder.plan())) return false;
  refuse_orphans(folder);
  require_shareable(folder.temporary());
  const path own = folder.temporary() / "plan";
  write_plan(own, plan);
  write_file_atomically(mark_of(own), canonical_json(joint_mark()));
  const bool is_own = !has_plan(folder.plan()) && publish_folder(own, folder.plan());
  std::error_code ignored;
  if (!is_own) std::filesystem::remove_all(own, ignored);
  wait_for_plan(folder, patience);
  return is_own;
}

bool keep_first(const RunFolder& folder, const path& file, const json& content) {
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) return false;
  const path own = folder.temporary() / file.filename();
  write_file_atomically(own, canonical_json(content));
  const bool is_first = link_new_name(own, file);
  remove_file(own);
  return is_first;
}

void share_run(const RunFolder& folder) {
  require_shareable(folder.temporary());
  keep_first(folder, mark_of(folder.plan()), joint_mark());
}

/// Results of all processes must have the bits that one process would have given them.
void require_same_environment(const RunFolder& folder, const json& environment) {
  keep_first(folder, environment_file(folder.path()), environment);
  const auto differences = diff_facts(environment_of_run(folder.path()), environment);
  if (differences.empty()) return;
  const FactDifference& first = differences.front();
  const std::string more = std::to_string(differences.size() - 1);
  throw UsageError(folder.path().string() +
                   ": this process has another environment than the one "
                   "that computed first, so that its results could have other bits: " +
                   first.where + " was " + (first.first.empty() ? "missing" : first.first) +
                   ", here " + (first.second.empty() ? "missing" : first.second) +
                   (differences.size() > 1 ? " (and " + more + " more)" : "") +
                   "; start it where '" + first.where + "' is equal");
}

json environment_of_run(const path& run) {
  std::error_code ignored;
  const path file = environment_file(run);
  return std::filesystem::exists(file, ignored) ? read_json(file) : json();
}

}  // namespace lensbench
