#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

Command versions_command() {
  return {.name = "versions",
          .group = "Archives",
          .summary = "an experiment's archives, and what changed between them",
          .description = R"(Every archive of an experiment (or of a tool run alone) in a folder,
oldest first, with the digest of its results and what changed in the request, the files, the plug-ins
or the source since the one before.

Exit code 0: there are some. 1: there is none.)",
          .operands = {{"EXPERIMENT", "an experiment's or a tool's name", Values::entry}},
          .options = {{.name = "dir",
                       .argument = "DIR",
                       .help = "where archives are",
                       .values = Values::directory,
                       .initial = "results"},
                      json_option("the same for a script")},
          .examples = {{"lensbench versions first_look", "what results/ holds of it"}}};
}

}  // namespace lensbench::cli
