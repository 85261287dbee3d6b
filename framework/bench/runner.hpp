#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <lensbench/experiment.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/plugin_handles.hpp"
#include "core/costs.hpp"

namespace lensbench {

/// Where the runner puts what cases save; the command connects it to an archive.
class LENSBENCH_API ResultSink {
 public:
  virtual ~ResultSink();
  /// Cases that need not run again.
  virtual std::vector<std::int64_t> done() const = 0;
  /// Returns only when the case is safe.
  virtual void commit(std::int64_t index, const std::map<std::string, Dataset>& saved,
                      const CaseCosts& costs) = 0;
  virtual void commit_failure(std::int64_t index, const std::string& error,
                              const CaseCosts& costs) = 0;
  virtual Dataset read(std::int64_t index, const std::string& name) const = 0;
  virtual std::vector<std::string> names(std::int64_t index) const = 0;
};

struct CaseFailure {
  std::int64_t index;
  std::string message;
  int exit_code;  ///< of the error; 5 for one that is not lensbench's own
};

struct RunReport {
  std::vector<std::int64_t> completed;       ///< in order, those of an earlier run included
  std::vector<CaseFailure> failures;         ///< of this run
  std::map<std::string, Dataset> summaries;  ///< what `finish` saved
  bool interrupted = false;
  /// Most memory the process had resident; NaN where the system does not say.
  double peak_memory_bytes = 0;

  /// 0 when nothing failed; the first failure's own code when nothing completed; else 5.
  LENSBENCH_API int exit_code() const;
};

struct RunControl {
  std::function<void(std::int64_t index, bool failed)> on_case = {};
  std::function<bool()> should_stop = {};  ///< asked between cases
};

/// Loads every tool that an experiment declares, and makes and drops one of each.
/// \throws PluginError with a line for each that cannot be had
LENSBENCH_API void load_declared_tools(const PluginHost& host, const Experiment& experiment);

/// An experiment with its tools bound to one model.
class LENSBENCH_API BoundExperiment {
 public:
  /// \throws PluginError naming every declared tool that is not loaded or has another interface;
  ///   UsageError from a tool that cannot analyse this model
  BoundExperiment(const PluginHost& host, ExperimentHandle experiment, Context& context);

  /// A single tool as an experiment that saves under the tool's name.
  static BoundExperiment of_tool(const PluginHost& host, const std::string& tool, Context& context);

  /// Runs every case that the sink has not, then `finish`. One case's failure is recorded and does
  /// not stop the others.
  RunReport run(const std::vector<CaseInput>& cases, const Parameters& parameters, Context& context,
                ResultSink& sink, const RunControl& control = {});

  /// Tools in use, in order of declaration.
  const std::vector<std::string>& tools() const { return tool_names_; }

 private:
  std::vector<std::string> tool_names_;
  std::vector<ToolHandle> tools_;
  ExperimentHandle experiment_;
};

}  // namespace lensbench
