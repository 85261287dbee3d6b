#pragma once

#include <cstdint>
#include <functional>
#include <lensbench/dataset.hpp>
#include <lensbench/experiment.hpp>
#include <lensbench/tool.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/plugin_handles.hpp"
#include "bench/results/result_views.hpp"
#include "bench/run/case_source.hpp"
#include "core/costs.hpp"

namespace lensbench {

/// Receiver of the datasets that cases save; the session connects it to an archive.
class ResultSink {
 public:
  virtual ~ResultSink();
  /// Cases that completed a pass already.
  virtual std::vector<std::int64_t> done(std::int64_t pass) const = 0;
  /// Cases that failed a pass already and do not run again.
  virtual std::vector<std::int64_t> given_up(std::int64_t /*pass*/) const { return {}; }
  /// Saves a case, which is safe when `is_safe`.
  virtual void commit(std::int64_t index, std::int64_t pass,
                      const std::map<std::string, Dataset>& saved, const CaseCosts& costs) = 0;
  virtual void commit_failure(std::int64_t index, std::int64_t pass, const std::string& error,
                              const CaseCosts& costs) = 0;
  /// Whether all cases that were saved survive a power cut.
  virtual bool is_safe() const { return true; }
  virtual void make_safe() {}
  /// Keeps an intermediate state of a case that runs; of the whole run where the index is -1.
  virtual void commit_state(std::int64_t index, std::int64_t pass, const std::string& key,
                            const Dataset& state) = 0;
  /// State that was kept; empty if there is none.
  virtual std::optional<Dataset> state(std::int64_t index, std::int64_t pass,
                                       const std::string& key) const = 0;
  /// Notes what runs now, for a message after a crash. \param index  number of the case, -1: none
  /// \param tool  name of the tool; may be empty
  virtual void note(std::int64_t index, const std::string& tool) = 0;
  virtual Dataset read(std::int64_t index, const std::string& name) const = 0;
  virtual std::vector<std::string> names(std::int64_t index) const = 0;
};

struct CaseFailure {
  std::int64_t index;
  std::string message;
  int exit_code;  ///< exit code of the error; 5 for foreign exceptions
};

struct RunReport {
  std::vector<std::int64_t>
      completed;  ///< complete cases in order, including those of an earlier run
  std::vector<CaseFailure> failures;         ///< cases that failed in this run
  std::map<std::string, Dataset> summaries;  ///< datasets that `finish` saved
  bool interrupted = false;
  /// Pass of which other processes have cases left, so that this one cannot go on.
  std::optional<std::int64_t> unfinished_pass = std::nullopt;
  /// Peak resident memory of the process; NaN where the system does not report it.
  double peak_memory_bytes = 0;

  /// Exit code: 0 if nothing failed; that of the first failure if nothing completed; else 5.
  int exit_code() const;
};

struct RunControl {
  /// Called for each case that ended, when it is safe.
  std::function<void(std::int64_t index, bool failed)> on_case = {};
  /// Progress of a tool within a case; a total of 0 is unknown.
  std::function<void(std::int64_t done, std::int64_t total)> on_progress = {};
  std::function<bool()> should_stop = {};  ///< called between cases
  bool only_finish = false;                ///< run no case, only `finish`
  /// Forwards of cases of equal length run together.
  bool batches = true;
  /// Consecutive cases pass each block of the model together, in place of batches.
  bool in_step = false;
  /// Says which cases run in this process; nullptr: all. It must outlive the run.
  CaseSource* source = nullptr;
};

/// Groups in which a run computes its cases, in order. They depend on the cases, the model and the
/// process, and results do not depend on them in any bit.
CaseGroups groups_of(const std::vector<CaseInput>& cases, const Context& context,
                     const RunControl& control);

/// Expected cost of the cases of a run.
struct ExpectedCost {
  /// Sums over the cases, but for the bytes, which are the most of one case. A number is empty if
  /// it is not known for each of the cases.
  CostEstimate sum;
  std::int64_t cases = 0;  ///< cases whose cost is known at least in part
};

/// Checks that every tool an experiment declares can be loaded, by creating one of each.
/// \throws PluginError with one line for each tool that cannot be created
void load_declared_tools(const PluginHost& host, const Experiment& experiment);

class SingleTool;

/// An experiment with its tools bound to one model.
class BoundExperiment {
 public:
  /// \throws PluginError that names every declared tool that is missing or has another interface;
  ///   UsageError from a tool that cannot analyse this model
  BoundExperiment(const PluginHost& host, ExperimentHandle experiment, Context& context);

  /// Wraps a single tool as an experiment that saves under the tool's name.
  static BoundExperiment of_tool(const PluginHost& host, const std::string& tool, Context& context);

  /// Checks the values of parameters before the first case.
  /// \throws UsageError for a token that the model lacks, a hook point that it lacks, or a value
  ///   that a tool or the experiment refuses
  void check_parameters(const Parameters& parameters, const Model& model) const;

  /// Number of passes over the cases. \throws UsageError if the experiment gives less than 1
  std::int64_t passes(const Parameters& parameters) const;

  /// Expected cost of a run of one tool. Cases that the tool refuses are left out, since they fail
  /// with the reason when they run. An experiment decides at run time what it calls, so its cost is
  /// not known.
  ExpectedCost expected_cost(const std::vector<CaseInput>& cases, const Parameters& parameters,
                             Context& context) const;

  /// Runs every case and pass that the sink lacks, then `finish`. A case's failure is recorded and
  /// does not stop the others.
  RunReport run(const std::vector<CaseInput>& cases, const Parameters& parameters, Context& context,
                ResultSink& sink, const RunControl& control = {});

  /// Tools in use, in order of declaration.
  const std::vector<std::string>& tools() const { return tool_names_; }

 private:
  class Run;
  /// Beginning of a message about code that runs before the first case.
  std::string owner() const;
  void check_schema(const Dataset& dataset) const;

  std::vector<std::string> tool_names_;
  std::vector<ToolHandle> tools_;
  std::vector<Schema> schemas_;        ///< results that each tool declares
  SingleTool* single_tool_ = nullptr;  ///< the experiment, if it wraps one tool
  ExperimentHandle experiment_;
};

}  // namespace lensbench
