#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <lensbench/dataset.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "archive/run/packs.hpp"
#include "archive/run/run_folder.hpp"
#include "archive/run/run_writer.hpp"
#include "archive/seal/seal.hpp"

namespace lensbench {

/// What a writer knows of its run: the units of the cases, and what their datasets have in common.
struct RunWriter::State {
  State(std::filesystem::path archive, RunPlan run_plan, const CommitRules& rules);
  /// State of a process that shares the run.
  State(std::filesystem::path archive, RunPlan run_plan, const CommitRules& rules,
        std::string writer);

  /// Index of the record of a case and pass.
  std::int64_t slot(std::int64_t index, std::int64_t pass) const;
  UnitRecord& record_of(std::int64_t index, std::int64_t pass);
  /// Key of the states of a case and pass; with the index -1 of those of the whole run.
  const std::string& key_of_state(std::int64_t index, std::int64_t pass);
  /// Records of the passes that a case has completed, with their slots.
  std::vector<std::int64_t> completed(std::int64_t index) const;
  /// Whether one of the first passes of a case has still to run: after a failure, later passes do
  /// not. \param passes  number of passes
  bool is_waiting(std::int64_t index, std::int64_t passes) const;
  /// Whether cases that failed a pass run again: always if one process has the run; else in a
  /// resume, unless a later pass has read what this one found. `given_up` has exceptions.
  bool repeats(std::int64_t pass) const;
  void check_names_of_pass(const std::map<std::string, Dataset>& saved, std::int64_t pass) const;
  void check_joinable_with_others(const std::map<std::string, Dataset>& saved) const;
  void write(std::int64_t index, std::int64_t pass, const std::string& error,
             const std::map<std::string, Dataset>& saved, const CaseCosts& costs);
  /// Makes the units safe if waiting for another case would take longer than the time between two
  /// commits: a case that takes as long as the last one must not let them wait too long.
  void make_safe_if_due();
  /// States are removed only when the units of their cases are safe.
  void make_safe();
  /// Lists of names are shared: most cases save datasets of the same names.
  std::shared_ptr<const std::vector<std::string>> names_in_common(std::vector<std::string> names);
  /// Keeps what is needed of a saved case after its datasets are freed.
  void remember(const std::map<std::string, Dataset>& saved, std::int64_t pass);
  /// Takes over the units of earlier processes.
  void recover();
  /// Takes in the units of all processes that share the run.
  /// \param wanted  cases whose units are read; empty: all
  void look(const std::function<bool(std::int64_t index)>& wanted);
  /// Counts the processes that ended without notice, by their cases.
  void count_ended_processes();
  /// Decides which units of processes that did not know of each other cannot be joined.
  void refuse_contradictions();
  void collect_ids_anew();
  /// The first of two complete units of a case counts, so that it never changes; a complete one
  /// counts more than failures, of which the last counts.
  void recover(std::size_t at, const UnitPlace& place, const Unit& unit);
  /// Unit of a case; that which was read last is kept.
  const Unit& unit_at(std::int64_t at);
  Dataset read(std::int64_t at, const std::string& name);

 private:
  void take_keys();
  /// Passes the units of the plan to `recover`.
  Packs::UseUnit recovering();

 public:
  std::filesystem::path out;
  RunPlan plan;
  RunFolder folder;
  Packs packs;
  std::vector<UnitRecord> units;
  std::map<std::string, std::size_t> slots;     ///< by the keys of the units
  std::map<std::int64_t, int> ended_processes;  ///< by the case that ran
  bool repeats_failures = true;                 ///< cases that failed before run again
  std::set<std::int64_t> given_up;              ///< slots that do not run again in any case
  std::map<std::vector<std::string>, std::shared_ptr<const std::vector<std::string>>> name_lists;
  std::map<std::string, Dataset> outlines;
  std::map<std::string, std::int64_t> pass_of;  ///< pass that saves a dataset of that name
  std::set<std::int64_t> token_ids;
  std::vector<std::size_t> ids_to_collect;  ///< recovered units whose token ids are not known yet
  std::int64_t failed_receipts = 0;
  bool has_states = false;               ///< states may exist
  std::vector<std::string> with_states;  ///< keys of units that are not safe

  std::chrono::duration<double> commit_every;
  std::chrono::steady_clock::time_point last_commit = std::chrono::steady_clock::now(),
                                        last_append = last_commit;

  std::shared_ptr<const Unit> last_unit;
  std::int64_t last_slot = -1;
  std::set<std::string> taken;  ///< datasets that were read from `last_unit`
};

}  // namespace lensbench
