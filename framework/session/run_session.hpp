#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <lensbench/experiment.hpp>
#include <lensbench/export.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "archive/run/run_writer.hpp"
#include "bench/runner.hpp"
#include "plugin/plugin_host.hpp"
#include "session/run_request.hpp"

namespace lensbench {

/// One case that ended, for whoever shows progress.
struct CaseProgress {
  std::int64_t index;
  const std::string& id;
  bool failed;
  std::int64_t done, total;  ///< cases, those of an earlier process included
};

/// Receives what a run says while it works.
struct RunListener {
  Warn warn = [](const std::string&) {};
  std::function<void(const CaseProgress&)> on_case = [](const CaseProgress&) {};
};

/// One run of an experiment or a tool, from a request to a sealed archive.
class LENSBENCH_API RunSession {
 public:
  /// Loads the plug-ins and finds the entry; no model yet.
  /// \throws PluginError if it is not there; UsageError if a tool is asked for as an experiment or
  ///   the other way round
  RunSession(RunRequest request, RunListener listener);

  const PluginHost& host() const { return host_; }
  const PluginInfo& entry() const { return *entry_; }
  const RunRequest& request() const { return request_; }
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
    LENSBENCH_API int exit_code() const;
  };
  /// Which cases' results the outcome holds, decided when all have run.
  using Choose = std::vector<std::int64_t> (*)(const RunReport&);

  /// Runs every case and seals `out`. A request of which no case could run leaves no archive.
  /// \param argv  the words of the command, kept in the archive
  Outcome execute(const std::filesystem::path& out, const std::vector<std::string>& argv,
                  Choose shown);

 private:
  RunReport run_cases(ResultSink& sink);
  std::map<std::string, Dataset> joined(const RunReport& report, const ResultSink& sink,
                                        const std::vector<std::int64_t>& cases) const;
  nlohmann::json run_facts(const std::vector<std::string>& argv, const RunReport& report) const;

  RunRequest request_;
  RunListener listener_;
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

}  // namespace lensbench
