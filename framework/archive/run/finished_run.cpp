#include "archive/run/finished_run.hpp"

#include <lensbench/error.hpp>

#include "archive/diff.hpp"
#include "archive/digest/verify.hpp"
#include "archive/run/plan_files.hpp"
#include "archive/run/run_folder.hpp"
#include "archive/seal/seal.hpp"

// End of a run that was killed after its archive had got its name. The archive is complete then,
// but its sidecar may be missing and the folder of the run may still exist.

namespace lensbench {
namespace {

/// The archive must answer the request at hand; the message has the first difference.
void require_same_request(const std::filesystem::path& out, const ArchiveReader& archive,
                          const RunPlan& plan) {
  const auto differences = diff_recipe(archive, plan);
  if (differences.empty()) return;
  const FactDifference& first = differences.front();
  throw UsageError(out.string() + ": exists already, for another request: " + first.where +
                   " was " + (first.first.empty() ? "none" : first.first) + ", now " +
                   (first.second.empty() ? "none" : first.second) +
                   "; choose another file or move it away");
}

/// Writes a missing sidecar and removes the folder. The folder may belong to another run of the
/// same name, whose cases would be lost: its plan is compared first.
void clean_up(const std::filesystem::path& out, const Digests& digests, const RunPlan& plan) {
  const auto path = run_folder_of(out);
  if (!std::filesystem::exists(path)) return;
  RunFolder folder(path);
  if (has_plan(folder.plan()) && !difference_from_plan(folder.plan(), plan).empty())
    throw UsageError(
        path.string() +
        ": contains an interrupted run of another request, although the archive exists; "
        "move one of them away");
  write_sidecar(out, digests, folder);
  folder.remove();
}

}  // namespace

/// An archive that is damaged must not let the folder of its run be removed.
void require_intact_run(const std::filesystem::path& out) {
  const VerifyResult found = verify_archive(out);
  if (!found.intact)
    throw InputError(out.string() + ": damaged: " + found.findings.front() +
                     "; move it away and run the same command again");
}

FinishedRun finish_sealed_run(const std::filesystem::path& out, const RunPlan& plan,
                              Verified verified) {
  // The order matters: nothing is removed before the archive is known to be good.
  if (verified == Verified::no) require_intact_run(out);
  const ArchiveReader archive(out);
  require_same_request(out, archive, plan);
  const Digests digests{archive.attribute("results_sha256"), archive.attribute("recipe_sha256"),
                        archive.attribute("environment_sha256"), archive.attribute("seal_sha256")};
  clean_up(out, digests, plan);
  return {{out, digests}, archive.cases(), archive.receipts()};
}

}  // namespace lensbench
