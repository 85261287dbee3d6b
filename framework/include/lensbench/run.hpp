#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <lensbench/experiment.hpp>
#include <lensbench/export.hpp>
#include <lensbench/intervention.hpp>
#include <map>
#include <string>
#include <vector>

/// \file
/// Runs of experiments and tools from C++ programs, with the archives that the commands
/// `lensbench run` and `lensbench tool` write.

namespace lensbench {

/// What a run computes, and where it stores its archive.
struct RunOptions {
  std::string model;             ///< directory, or hub name in the local hub cache
  std::vector<CaseInput> cases;  ///< each with a text or ids; without an id it is `case-1`, …
  std::filesystem::path out;     ///< archive to write, `NAME.h5`; must not exist
  std::map<std::string, std::string> parameters = {};  ///< parameters of the experiment or tool
  std::vector<Intervention> interventions = {};        ///< changes of activations in every forward
  std::vector<std::string> plugin_dirs = {};           ///< folders searched for plug-ins first
  std::string dtype = "float32";                       ///< type of the weights, as of `--dtype`
  std::uint64_t seed = 0;                              ///< seed of all random numbers
  std::int64_t threads = 0;  ///< threads of this process from then on; 0: one for each core
  bool resume = false;       ///< continue an interrupted run of the same request
  /// Receives warnings for the user; they are dropped by default.
  std::function<void(const std::string&)> warn = [](const std::string&) {};
};

/// A run that has ended.
struct ArchivedRun {
  std::filesystem::path archive;     ///< the sealed archive (see `Archive`)
  std::string results_sha256;        ///< digest of its results
  std::int64_t failed_cases = 0;     ///< cases that the archive stores as failed
  std::int64_t failed_receipts = 0;  ///< receipts that failed: do not trust these results until the
                                     ///< reason is known
};

/// Runs an experiment over the cases and seals the archive.
///
/// A case that fails does not end the run. After SIGINT or SIGTERM the current case is finished and
/// the run ends with RunError; `resume` continues it. The program's own handlers of these signals
/// return when the call does. Call it before the program starts threads: libraries of plug-ins are
/// tried in a child process.
/// \param name     name of the experiment
/// \param options  model, cases, parameters and place of the archive
/// \throws PluginError if there is no such experiment or a tool that it needs is missing;
///   UsageError for a wrong parameter, cases without an input or with equal ids, or if `out`
///   exists; InputError for a model that cannot be read; RunError if the run was interrupted, or if
///   every case failed
LENSBENCH_API ArchivedRun run_experiment(const std::string& name, const RunOptions& options);

/// Runs one tool over the cases, like `run_experiment`. \throws as `run_experiment`
LENSBENCH_API ArchivedRun run_tool(const std::string& name, const RunOptions& options);

}  // namespace lensbench
