#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

/// Reads archives only, in any folder; it needs neither the plug-ins nor the model of the runs.
Command versions_command() {
  return {
      .name = "versions",
      .group = "Archives",
      .summary = "archives of an experiment and the changes between them",
      .description = R"(Lists the archives of an experiment (or of a tool run alone) in a folder,
oldest first, with the digest of the results and the changes in the request, the files, the plug-ins
or the source since the previous one.

Exit code 0: at least one archive. 1: none.)",
      .operands = {{"EXPERIMENT", "an experiment's or a tool's name", Values::entry}},
      .options = {{.name = "dir",
                   .argument = "DIR",
                   .help = "folder of the archives",
                   .values = Values::directory,
                   .initial = "results"},
                  json_option("print JSON")},
      .examples = {{"lensbench versions first_look", "its archives in results/"}}};
}

}  // namespace lensbench::cli
