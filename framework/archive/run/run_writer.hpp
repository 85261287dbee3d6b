#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
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

/// Writer of one run, which is a folder `<name>.run` of packs until it is sealed, then an archive
/// `<name>.h5`.
///
/// Each case becomes a frame, which is appended to a file of this writer; frames are synced in
/// groups, and a case is safe, also in a power cut, when its group is. libhdf5 writes only the
/// archive. The folder is locked while this object exists.
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
  ~RunWriter();
  RunWriter(RunWriter&&) noexcept;

  /// Cases that completed a pass, in order; without failed cases, which run again on resume.
  std::vector<std::int64_t> done(std::int64_t pass = 0) const;

  /// Saves the results of a case, which survive a power cut when `is_safe`.
  /// \throws UsageError for a dataset that an archive cannot store or that cannot be joined
  ///   with that of an earlier case, or a name that another pass saved: then nothing is saved;
  ///   RunError if it cannot be written
  void commit(std::int64_t index, const std::map<std::string, Dataset>& saved,
              const CaseCosts& costs, std::int64_t pass = 0);
  void commit_failure(std::int64_t index, const std::string& error, const CaseCosts& costs,
                      std::int64_t pass = 0);

  /// Whether all cases survive a power cut.
  bool is_safe() const;
  /// Makes all cases safe. \throws RunError
  void make_safe();
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
  void note(const std::string& text);
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
  /// \throws UsageError if planned cases have not run; RunError
  SealResult seal(const std::map<std::string, Dataset>& summaries,
                  const std::map<std::int64_t, std::string>& vocabulary,
                  const std::map<std::int64_t, std::string>& vocabulary_bytes,
                  const nlohmann::json& environment, const nlohmann::json& run);

 private:
  struct State;
  explicit RunWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace lensbench
