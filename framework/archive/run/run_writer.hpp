#pragma once

#include <cstdint>
#include <filesystem>
#include <lensbench/dataset.hpp>
#include <lensbench/export.hpp>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "archive/digest/digests.hpp"
#include "archive/run/run_plan.hpp"
#include "core/costs.hpp"

namespace lensbench {

/// A sealed archive and the digests that vouch for it.
struct SealResult {
  std::filesystem::path path;
  Digests digests;
};

/// One run: a folder `<name>.run` of unit files while it goes on, `<name>.h5` once sealed.
///
/// libhdf5 never writes to a file of the disk: each case is an HDF5 image built in memory, written
/// whole, synced and renamed, and only then reported as done. The folder is locked while this
/// lives.
class LENSBENCH_API RunWriter {
 public:
  /// \param out     the archive to be: `results/name.h5`; folders are made as needed
  /// \param resume  go on with what an interrupted run left: its valid units are kept, damaged ones
  ///   moved to `quarantine/`. Without an interrupted run it starts afresh.
  /// \throws UsageError if `out` exists, if an interrupted run is there and `resume` is not set, if
  ///   its plan differs from `plan` (the differences are named), if another process is writing it;
  ///   RunError if the folder cannot be written
  static RunWriter start(const std::filesystem::path& out, const RunPlan& plan, bool resume);
  ~RunWriter();
  RunWriter(RunWriter&&) noexcept;

  /// Completed cases, in order. Failed ones are not among them: they run again on resume.
  std::vector<std::int64_t> done() const;

  /// Saves what a case left. When this returns, a power cut cannot lose it.
  /// \throws UsageError for a dataset an archive cannot hold, or one that cannot be joined with
  /// that
  ///   of an earlier case; RunError if it cannot be written. Nothing is left behind in either case.
  void commit(std::int64_t index, const std::map<std::string, Dataset>& saved,
              const CaseCosts& costs);
  void commit_failure(std::int64_t index, const std::string& error, const CaseCosts& costs);

  /// What a completed case saved, read back with its receipts.
  /// \throws UsageError if the case is not done or saved nothing of that name
  Dataset read(std::int64_t index, const std::string& name) const;
  /// Names of a completed case's datasets.
  std::vector<std::string> names(std::int64_t index) const;

  /// Every token id that variables marked `Holds::token_ids` hold, ascending.
  std::vector<std::int64_t> token_ids() const;

  /// Gives up a run of which no case completed: removes its folder, writes no archive.
  /// \throws UsageError if a case is done
  void discard();

  /// Packs the units in the plan's order, verifies the packed file, puts it in place, writes its
  /// digests beside it (`.sha256`) and removes the folder. Until the rename nothing is changed.
  /// \param summaries         datasets over all cases, by name
  /// \param vocabulary        text of each id of `token_ids()`, valid UTF-8
  /// \param vocabulary_bytes  exact bytes of those ids whose text does not say them
  /// \param environment       an object: what predicts equal bits (versions, kernels, threads, CPU)
  /// \param run               an object: times, host, argv, and what else differs every time
  /// \throws UsageError if cases are planned that have not run; RunError
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
