#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "archive/run/run_folder.hpp"
#include "archive/run/run_plan.hpp"

// What the folder of a run has that several processes work on, in addition to that of one process:
//   plan/joint.json   says that no process may change the files of another
//   environment.json  facts on which the bits of results depend, of the first process that computed
// Neither is ever changed.

namespace lensbench {

/// Whether several processes may work on the run of a folder.
bool is_shared_run(const std::filesystem::path& run);

/// Gives a folder its plan, which appears as a whole: of several processes that do it at once, one
/// succeeds, and the others find its plan. A folder that has a plan is not changed.
/// \param patience  time to wait for a plan that another process of this moment may be writing
/// \return whether the plan is that of this process
/// \throws UsageError if the file system lacks what several processes need, or the folder has cases
///   of a run whose plan is gone; RunError if a plan was begun and does not become complete
bool plan_shared_run(const RunFolder& folder, const RunPlan& plan, std::chrono::seconds patience);

/// Lets several processes go on with a run that one process began. \throws RunError
void share_run(const RunFolder& folder);

/// Keeps the facts of the first process that computes, and compares those of the others.
/// \throws UsageError that names the first fact that differs, with both values
void require_same_environment(const RunFolder& folder, const nlohmann::json& environment);

/// Facts of the process that computed first; null if none has. \throws InputError
nlohmann::json environment_of_run(const std::filesystem::path& run);

/// Writes a file of a shared run, unless it exists. \return whether it is that of this process
/// \throws RunError
bool keep_first(const RunFolder& folder, const std::filesystem::path& file,
                const nlohmann::json& content);

}  // namespace lensbench
