#pragma once

#include <cstdint>
#include <filesystem>
#include <lensbench/experiment.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "archive/run/run_writer.hpp"
#include "bench/runner.hpp"
#include "cli/parse/arguments.hpp"
#include "plugin/plugin_host.hpp"

namespace lensbench::cli {

/// One run of an experiment or a tool, from a request to a sealed archive; `run`, `tool` and
/// `replay` are this with other ways to ask and to answer.
class RunSession {
 public:
  /// Loads the plug-ins and finds the entry; no model yet.
  /// \throws PluginError if it is not there
  RunSession(PluginEntryKind kind, RunArguments arguments);

  const PluginHost& host() const { return host_; }
  const PluginInfo& entry() const { return *entry_; }
  const RunArguments& arguments() const { return arguments_; }
  const Model& model() const { return *model_; }
  const std::vector<CaseInput>& cases() const { return cases_; }

  /// Sets the threads, resolves the parameters, opens the model, binds the tools.
  /// \param inputs  files the cases were read from
  void prepare(std::vector<CaseInput> cases, std::vector<FileRecord> inputs);
  /// All that is asked, after `prepare`.
  const RunPlan& plan() const { return plan_; }

  struct Outcome {
    RunReport report;
    std::optional<SealResult> sealed;  ///< nothing if it was interrupted, or no case could run
    std::int64_t failed_receipts = 0;
    std::map<std::string, Dataset> results;  ///< joined, of the cases that were asked for

    /// 0; 1 if a receipt failed; else the report's.
    int exit_code() const;
  };
  /// Which cases' results the outcome holds, decided when all have run.
  using Choose = std::vector<std::int64_t> (*)(const RunReport&);

  /// Runs every case and seals `out`. A request of which no case could run leaves no archive.
  Outcome execute(const std::filesystem::path& out, const std::vector<std::string>& argv,
                  Choose shown);

  /// One line a failure, the first few.
  void say_failures(const RunReport& report) const;

 private:
  RunReport run_cases(ResultSink& sink);
  std::map<std::string, Dataset> joined(const RunReport& report, const ResultSink& sink,
                                        const std::vector<std::int64_t>& cases) const;
  nlohmann::json run_facts(const std::vector<std::string>& argv, const RunReport& report) const;

  RunArguments arguments_;
  PluginEntryKind kind_;
  std::string started_;
  PluginHost host_;
  const PluginInfo* entry_ = nullptr;
  std::shared_ptr<const Model> model_;
  Parameters parameters_;
  std::vector<CaseInput> cases_;
  std::unique_ptr<Context> context_;
  std::optional<BoundExperiment> bound_;
  RunPlan plan_;
};

}  // namespace lensbench::cli
