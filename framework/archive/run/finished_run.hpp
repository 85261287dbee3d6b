#pragma once

#include <filesystem>
#include <vector>

#include "archive/archive_reader.hpp"
#include "archive/run/run_writer.hpp"

namespace lensbench {

/// A run with a sealed archive.
struct FinishedRun {
  SealResult sealed;
  std::vector<CaseRecord> cases;
  std::vector<ReceiptRecord> receipts;
};

/// Whether an archive was verified already.
enum class Verified { no, yes };

/// Verifies the archive of a run that is resumed, which takes as long as to read it once.
/// \throws InputError if it is damaged
void require_intact_run(const std::filesystem::path& out);

/// Completes a resumed run whose archive exists already: a process that is killed after it renamed
/// the archive to its final name leaves the folder of the run and possibly an archive without
/// sidecar. Verifies the archive, writes a missing sidecar and removes the folder.
/// \param verified  yes: `require_intact_run` has passed, for instance in a child process
/// \throws UsageError if the archive or the folder is of another request; InputError if the archive
///   is damaged: the folder is kept
FinishedRun finish_sealed_run(const std::filesystem::path& out, const RunPlan& plan,
                              Verified verified = Verified::no);

}  // namespace lensbench
