#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

/// The request comes from the folder of the run, so that this command has none of its options, only
/// those of output and plug-ins.
Command finish_command() {
  std::vector<Option> options = {
      json_option("print JSON"),
      {.name = "quiet", .argument = "", .help = "no progress and no tables", .letter = 'q'}};
  for (auto& option : plugin_options()) options.push_back(std::move(option));
  return {
      .name = "finish",
      .group = "Runs",
      .summary = "summarise and seal a run whose cases are safe",
      .description =
          R"(Finishes an interrupted run without running a case: calls the experiment's summary over
the cases (`finish` of its class) and seals the archive. For a run that failed in its summary: correct
the plug-in, build it again, and finish the run with it. The archive records the plug-in that computed
the cases in /recipe, and the one that finished the run in /run.

The request is that of the command which began the run. The cases, the model, the parameters and all
files must be the same; only plug-ins may differ.

Exit code 0: done. 1: a receipt failed. 2: the run is not finished or differs in more. 5: the summary
failed again.)",
      .operands = {{"RUN", "the folder NAME.run of an interrupted run", Values::directory}},
      .options = std::move(options),
      .examples = {{"lensbench finish results/mine.run --plugin-dir build/lib/lensbench/plugins",
                    "with a plug-in that was built again"}}};
}

}  // namespace lensbench::cli
