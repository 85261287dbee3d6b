#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <lensbench/dataset.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "archive/digest/digests.hpp"
#include "archive/run/run_plan.hpp"
#include "core/costs.hpp"

namespace lensbench {

/// A sealed archive and its digests.
struct SealResult {
  std::filesystem::path path;
  Digests digests;
};

/// When the cases of a run become safe, and when a file of cases is complete.
struct CommitRules {
  /// The longest time for which cases may remain unsafe while others run; 0: a case is safe when it
  /// is committed.
  std::chrono::duration<double> every{0};
  std::size_t frames_per_pack = 256;
};

/// How a process works on a run that it shares with others.
struct JointRules {
  std::string part = "0";  ///< number of its shard or rank, for the names of its files
  /// Facts on which the bits of results depend, which must be equal in all processes; null: the
  /// process does not compute.
  nlohmann::json environment = {};
  /// false: the facts are compared with those of the process that computed first, but not kept if
  /// none did.
  bool keeps_environment = true;
  /// Go on with a run that one process began alone, and run cases again that failed before.
  bool resume = false;
  /// Time to wait for a plan that another process of this moment writes.
  std::chrono::seconds patience{60};
  CommitRules commits = {};
};

/// What became of a case.
struct CaseOutcome {
  std::int64_t index = 0;
  std::string error;  ///< empty for a case that has not run
};

/// Writer of one run, which is a folder `<name>.run` of packs until it is sealed, then an archive
/// `<name>.h5`.
///
/// Each case becomes a frame, which is appended to a file of this writer; frames are synced in
/// groups, and a case is safe, also in a power cut, when its group is. libhdf5 writes only the
/// archive. The folder is locked while this object exists, unless several processes share the run
/// (`join`): each has a writer then, and one of them seals.
class RunWriter {
 public:
  /// Starts or resumes a run.
  /// \param out     path of the archive (`results/name.h5`); missing folders are created
  /// \param resume  continue an interrupted run: whole frames are kept, the cases of others run
  ///   again. Without an interrupted run, a new one is started.
  /// \throws UsageError if `out` exists, if an interrupted run exists and `resume` is false, if its
  ///   plan differs from `plan` (the message has the differences), if another process is writing
  ///   it, or if an earlier version wrote it; RunError if the folder cannot be written
  static RunWriter start(const std::filesystem::path& out, const RunPlan& plan, bool resume,
                         const CommitRules& rules = {});
  /// Takes over an interrupted run whose plan may differ in its plug-ins, of which the archive then
  /// records those that computed the cases.
  /// \throws UsageError if there is no such run, or it differs in more; under the conditions of
  ///   `start`
  static RunWriter take_over(const std::filesystem::path& out, const RunPlan& plan);
  /// Begins a run that several processes share, or joins it. No case of others is known before
  /// `look` or `settle`.
  /// \throws UsageError if `out` exists, if the run has another plan or environment, if one process
  ///   began it alone and `resume` is not set, or if the file system lacks what several processes
  ///   need; RunError if the folder cannot be written, or another process began a plan that does
  ///   not become complete
  static RunWriter join(const std::filesystem::path& out, const RunPlan& plan,
                        const JointRules& rules);
  /// `join` for a plan that may differ in its plug-ins, as in `take_over`.
  static RunWriter join_to_finish(const std::filesystem::path& out, const RunPlan& plan,
                                  const JointRules& rules);
  ~RunWriter();
  RunWriter(RunWriter&&) noexcept;

  /// Cases that completed a pass, in order; without failed cases, which run again on resume.
  std::vector<std::int64_t> done(std::int64_t pass = 0) const;
  /// Cases that failed a pass and do not run again: in a run that is shared, unless it is resumed
  /// and no later pass has begun; and those that `give_up` was called for.
  std::vector<std::int64_t> given_up(std::int64_t pass) const;

  /// Whether a case has still to run in a pass: it is not complete there, has not been given up,
  /// and did not fail in an earlier pass.
  bool waits(std::int64_t index, std::int64_t pass) const;

  /// Takes in what the processes that share the run have written. \param wanted  cases whose units
  /// are read; empty: all \throws RunError
  void look(const std::function<bool(std::int64_t index)>& wanted = {});
  /// Takes in everything, when all processes have ended, and decides which datasets cannot be
  /// joined: their cases are failures from then on. \throws RunError
  void settle();
  /// Cases of which a pass has not run that comes before `passes`; after a failure, later passes do
  /// not run. \param passes  number of passes; 0: all
  std::vector<CaseOutcome> missing(std::int64_t passes = 0) const;
  /// Cases that failed, in order, with the errors.
  std::vector<CaseOutcome> failures() const;

  /// Saves the results of a case, which survive a power cut when `is_safe`.
  /// \throws UsageError for a dataset that an archive cannot store or that cannot be joined
  ///   with that of an earlier case, or a name that another pass saved: then nothing is saved;
  ///   RunError if it cannot be written
  void commit(std::int64_t index, const std::map<std::string, Dataset>& saved,
              const CaseCosts& costs, std::int64_t pass = 0);
  void commit_failure(std::int64_t index, const std::string& error, const CaseCosts& costs,
                      std::int64_t pass = 0);
  /// Saves a failure of a case that this process does not run again, also if it resumes the run.
  /// \throws RunError
  void give_up(std::int64_t index, const std::string& error, std::int64_t pass);

  /// Whether all cases survive a power cut.
  bool is_safe() const;
  /// Makes all cases safe. \throws RunError
  void make_safe();
  /// Makes all cases safe and ends the files of this process, which writes nothing more.
  /// \throws RunError
  void finish_writing();
  /// Number of failed receipts of all cases.
  std::int64_t failed_receipts() const;

  /// Dataset that a completed case saved in any pass, with its receipts.
  /// \throws UsageError if the case is not complete or did not save a dataset of that name
  Dataset read(std::int64_t index, const std::string& name) const;
  /// Names of a completed case's datasets, of all passes.
  std::vector<std::string> names(std::int64_t index) const;

  /// Keeps an intermediate state of a case that runs, until the case is committed; with the index
  /// -1 one of the whole run, until it is sealed.
  /// \throws RunError if it cannot be written
  void commit_state(std::int64_t index, std::int64_t pass, const std::string& name,
                    const Dataset& state);
  /// State that `commit_state` kept; empty if there is none or it is damaged.
  std::optional<Dataset> state(std::int64_t index, std::int64_t pass,
                               const std::string& name) const;

  /// \throws UsageError if planned cases have not run
  void require_all_run() const;

  /// Keeps the command that began the run in its folder.
  void keep_command(const nlohmann::json& command);

  /// Notes what the process does now, for a message after a crash; "" for nothing.
  /// \param index  number of the case that runs; -1: none
  void note(const std::string& text, std::int64_t index = -1);
  /// Cases that ran when processes ended without notice that shared the run, with the number of
  /// these processes. Empty unless the run is resumed: they may be at work otherwise.
  const std::map<std::int64_t, int>& ended_processes() const;
  /// What the process that wrote this run before did when it ended without notice; empty if there
  /// was none, or it ended properly.
  const std::string& crashed_in() const;

  /// All token ids in variables with `Holds::token_ids`, in ascending order.
  std::vector<std::int64_t> token_ids() const;

  /// Discards a run in which no case completed all passes: removes its folder and does not write an
  /// archive. \throws UsageError if a case is complete
  void discard();

  /// Joins the units in the order of the plan, verifies the archive, renames it to its final name,
  /// writes its digests next to it (`.sha256`) and removes the folder. A failure before the rename
  /// leaves the run unchanged.
  /// \param summaries         datasets over all cases, by name
  /// \param vocabulary        text of each id of `token_ids()`, valid UTF-8
  /// \param vocabulary_bytes  exact bytes of the ids whose text is not equal to their bytes
  /// \param environment       object of facts that affect bits of results (versions, CPU, …)
  /// \param run               object of facts that differ between runs (times, host, argv)
  /// \param costs             whether the archive has the costs of the cases, which differ too
  /// \throws UsageError if planned cases have not run; RunError
  SealResult seal(const std::map<std::string, Dataset>& summaries,
                  const std::map<std::int64_t, std::string>& vocabulary,
                  const std::map<std::int64_t, std::string>& vocabulary_bytes,
                  const nlohmann::json& environment, const nlohmann::json& run, bool costs = true);

 private:
  struct State;
  explicit RunWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lensbench
