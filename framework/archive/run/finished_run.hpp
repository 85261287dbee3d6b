#pragma once

#include <filesystem>
#include <lensbench/export.hpp>
#include <vector>

#include "archive/archive_reader.hpp"
#include "archive/run/run_writer.hpp"

namespace lensbench {

/// A run whose archive is there.
struct FinishedRun {
  SealResult sealed;
  std::vector<CaseRecord> cases;
  std::vector<ReceiptRecord> receipts;
};

/// What is left of a run that is asked to go on although its archive is there: a process that was
/// killed after it had put the archive in place leaves the folder of units, and perhaps no sidecar.
/// Verifies the archive, writes the sidecar where it is missing, removes the folder.
/// \throws UsageError if the archive, or what the folder holds, answers another request; InputError
///   if the archive is damaged: the folder is left as it is
LENSBENCH_API FinishedRun finish_sealed_run(const std::filesystem::path& out, const RunPlan& plan);

}  // namespace lensbench
