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

/// Completes a resumed run whose archive exists already: a process that is killed after it renamed
/// the archive to its final name leaves the folder of case files and possibly an archive without
/// sidecar. Verifies the archive, writes a missing sidecar and removes the folder.
/// \throws UsageError if the archive or the folder is of another request; InputError if the archive
///   is damaged: the folder is kept
FinishedRun finish_sealed_run(const std::filesystem::path& out, const RunPlan& plan);

}  // namespace lensbench
