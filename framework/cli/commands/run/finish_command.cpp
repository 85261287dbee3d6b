#include "cli/commands/actions.hpp"
#include "cli/commands/run/prepared.hpp"
#include "cli/commands/run/say_outcome.hpp"

namespace lensbench::cli {

/// Summary and seal of a run whose cases are complete, with plug-ins that may have been corrected.
int run_finish(const Options& options) {
  PreparedRun run = prepare_recorded(options);
  return say_outcome(*run.session, run.arguments, run.session->finish(run.out, options.arguments()),
                     "");
}

}  // namespace lensbench::cli
