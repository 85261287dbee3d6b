#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
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
#include "plugin/plugin_host.hpp"
#include "session/joint/rank_link.hpp"
#include "session/joint/shard.hpp"
#include "session/kept_results.hpp"
#include "session/open_parts.hpp"
#include "session/pictures/run_pictures.hpp"
#include "session/process/interrupts.hpp"
#include "session/run_request.hpp"

namespace lensbench {

/// Progress event: one case ended.
struct CaseProgress {
  std::int64_t index;
  const std::string& id;
  bool failed;
  std::int64_t done, total;  ///< numbers of cases, including those of an earlier process
};

/// Receiver of messages and progress of a run.
struct RunListener {
  Warn warn = [](const std::string&) {};
  std::function<void(const CaseProgress&)> on_case = [](const CaseProgress&) {};
  /// Progress of a tool within a case; a total of 0 is unknown.
  std::function<void(std::int64_t done, std::int64_t total)> on_progress = [](std::int64_t,
                                                                              std::int64_t) {};
  /// Called before the first case, when the model is open, and after the last one, also where an
  /// interruption or an error ended the cases.
  std::function<void()> on_start = [] {}, on_end = [] {};
  /// Asked between cases, and by tools with long work, whether to stop.
  std::function<bool()> should_stop = was_interrupted;
};

/// Run of an experiment or a tool, from a request to a sealed archive.
class RunSession {
 public:
  /// Loads the plug-ins and finds the entry, without opening a model.
  /// \throws PluginError if it is missing; UsageError if a tool was requested as an experiment, or
  /// an
  ///   experiment as a tool
  RunSession(RunRequest request, RunListener listener, OpenParts shared = {});

  const PluginHost& host() const { return *host_; }
  const PluginInfo& entry() const { return *entry_; }
  const RunRequest& request() const { return request_; }
  const Model& model() const { return *model_; }
  const std::vector<CaseInput>& cases() const { return cases_; }

  /// Whether the run reads prompts. If not, one case without a prompt is enough.
  bool reads_prompts() const { return reads_prompts_; }

  /// Sets the threads, resolves the parameters, opens the model, binds the tools.
  /// \param inputs  files that the cases were read from
  void prepare(std::vector<CaseInput> cases, std::vector<FileRecord> inputs);
  /// The complete request; valid after `prepare`.
  const RunPlan& plan() const { return plan_; }

  struct Outcome {
    RunReport report;
    std::optional<SealResult> sealed;  ///< nullopt if interrupted, or if the request was invalid
    std::int64_t failed_receipts = 0;

    /// Exit code: that of the report, or 1 if only a receipt failed.
    int exit_code() const;
  };

  /// Runs every case and seals `out`. If the request or all prompts are invalid, no archive is
  /// left. \param argv  words of the command, stored in the archive
  Outcome execute(const std::filesystem::path& out, const std::vector<std::string>& argv);

  /// What one process did for a run that several processes share.
  struct ShardOutcome {
    RunReport report;
    std::int64_t cases = 0;   ///< of this shard
    std::int64_t failed = 0;  ///< of them, those that failed in this process or an earlier one
    std::int64_t left = 0;    ///< of them, those that are not over in a pass that could run

    /// Exit code: 5 if cases failed, or were left because of an interruption.
    int exit_code() const;
  };

  /// Plans a run that several processes share, without running a case.
  /// \param argv  words of a command `run` or `tool` that would run it
  /// \return false if the run was planned already \throws as `RunWriter::join`
  bool plan_shared(const std::filesystem::path& out, const std::vector<std::string>& argv);
  /// Bytes that the results of one case have, which is computed in memory; empty if it fails.
  std::optional<std::size_t> measure_case(std::int64_t index);
  /// Groups in which the cases run, for the division of a run.
  CaseGroups groups() const { return groups_of(cases_, *context_, control()); }
  /// Tokens of each case.
  std::vector<std::int64_t> tokens() const;

  /// Runs the cases of a shard and seals nothing. The plan is made if it does not exist.
  /// \throws as `RunWriter::join`
  ShardOutcome execute_shard(const std::filesystem::path& out, const std::vector<std::string>& argv,
                             const Shard& shard);

  /// Runs the cases that this rank gets. Rank 0 plans the run, deals its cases and seals it; in the
  /// others the outcome has no archive.
  /// \throws as `RunWriter::join`; UsageError if there is a run of this name and the request does
  /// not
  ///   resume it
  Outcome execute_rank(const std::filesystem::path& out, const std::vector<std::string>& argv,
                       RankLink& link);

  /// Calls the experiment's `finish` and seals a run whose cases are over, with the plug-ins that
  /// computed them.
  /// \param reproducible  leaves out what differs between runs: times, hosts, words of commands,
  ///   costs. Equal requests then have equal files, whatever processes computed them
  /// \throws UsageError that names cases which have not run; RunError if every case failed
  Outcome seal(const std::filesystem::path& out, const std::vector<std::string>& argv,
               bool reproducible);

  /// Finishes an interrupted run of this request without running a case: calls the experiment's
  /// `finish` and seals. The plug-ins may differ from those that computed the cases; the archive
  /// records those in `/recipe`, and these as `finished_with` in `/run`.
  /// \throws UsageError if cases have not run, or the request differs in more
  Outcome finish(const std::filesystem::path& out, const std::vector<std::string>& argv);

  /// Results of a run that were not written to a file.
  struct Kept {
    KeptResults results;
    RunReport report;
    nlohmann::json facts;  ///< for `/run` of the archive
  };

  /// Runs every case without writing a file. Signals are not caught. Of a run with shared parts,
  /// each block of a forward asks `should_stop`.
  /// \param argv  words of the command that would repeat the run
  Kept run_in_memory(const std::vector<std::string>& argv);
  /// Writes the archive of such a run. \throws as `RunWriter`
  SealResult save(const Kept& kept, const std::filesystem::path& out) const;

 private:
  void choose_place();
  void give_notes();
  void estimate_cost();
  /// How the cases of a run are completed, and what the archive says about it.
  struct Ending {
    CaseSource* source = nullptr;  ///< says which cases run; nullptr: all
    bool only_finish = false;      ///< no case runs
    bool records_plugins = false;  ///< the plug-ins may differ from those that computed the cases
    bool reproducible = false;     ///< without what differs between runs
  };

  /// Cases of all passes that are over, and all of them.
  struct Count {
    std::int64_t over = 0, all = 0;
  };

  RunControl control() const;
  RunReport run_cases(ResultSink& sink, bool only_finish, CaseSource* source = nullptr,
                      Count* count = nullptr);
  Outcome complete(RunWriter& writer, const std::filesystem::path& out,
                   const std::vector<std::string>& argv, const Ending& ending);
  Outcome execute_remaining(const std::filesystem::path& out, const std::vector<std::string>& argv);
  /// \param computes  whether the process computes cases, and not only the summary
  JointRules joint_rules(const std::string& part, bool computes = true) const;
  void keep_command(RunWriter& writer, const std::vector<std::string>& argv) const;
  nlohmann::json run_facts(const std::vector<std::string>& argv, const RunReport& report,
                           const Ending& ending) const;

  RunRequest request_;
  RunListener listener_;
  std::string started_;
  OpenParts shared_;
  std::shared_ptr<PluginHost> host_;
  const PluginInfo* entry_ = nullptr;
  bool reads_prompts_ = true;
  bool in_step_ = false;                         ///< cases pass each block of the model together
  std::shared_ptr<const Model> opened_;          ///< the model as it is stored
  std::shared_ptr<const Model> model_;           ///< the model that the tools get
  std::shared_ptr<const RunPictures> pictures_;  ///< nullptr: nothing asks for pictures
  Parameters parameters_;
  std::vector<CaseInput> cases_;
  std::unique_ptr<Context> context_;
  std::optional<BoundExperiment> bound_;
  RunPlan plan_;
  nlohmann::json expected_cost_;    ///< null if it is not known
  std::vector<std::string> notes_;  ///< about the model and the cases, kept in the archive
  std::string place_note_;          ///< about the memory of this machine; empty without one
};

}  // namespace lensbench
