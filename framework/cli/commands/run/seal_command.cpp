#include <filesystem>
#include <lensbench/error.hpp>

#include "archive/run/run_folder.hpp"
#include "cli/commands/actions.hpp"
#include "cli/commands/resume.hpp"
#include "cli/commands/run/prepared.hpp"
#include "cli/commands/run/say_outcome.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

/// The folder of a run is removed when it is sealed, so that its name is all that can be asked for,
/// or what a kill left of it.
void refuse_sealed(const fs::path& given) {
  const fs::path run = given.has_filename() ? given : given.parent_path();
  const fs::path archive = fs::path(run).replace_extension(".h5");
  if (fs::exists(run / "command.json") || !fs::exists(archive)) return;
  throw UsageError(run.string() + ": the run is sealed already; its archive is " +
                   archive.string() +
                   (fs::exists(run) ? ", and what is left of the folder can be removed" : ""));
}

}  // namespace

/// Summary and seal of what shards computed. The plug-ins are those that computed the cases.
int run_seal(const Options& options) {
  refuse_sealed(options.operand(0));
  PreparedRun run = prepare_recorded(options);
  // The process was killed between sealing and cleaning up: only the latter is left.
  if (fs::exists(run.out)) return finish_and_say(*run.session, run.arguments, run.out);
  const auto outcome = [&] {
    const PrintsToStderr printing(run.arguments.json);
    return run.session->seal(run.out, options.arguments(), options.flag("reproducible"));
  }();
  return say_outcome(*run.session, run.arguments, outcome, "");
}

}  // namespace lensbench::cli
