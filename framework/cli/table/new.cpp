#include "cli/table/commands.hpp"

namespace lensbench::cli {

Command new_command() {
  return {.name = "new",
          .group = "lensbench itself",
          .summary = "a project for a tool or an experiment of your own",
          .description = R"(A project for a tool or an experiment of your own: CMakeLists.txt, one
source, one test, a README. It builds, loads and passes its test as it is; then make it yours.

NAME is what `lensbench tool` or `lensbench run` will know it by: small letters, digits, underscores.)",
          .operands = {{"KIND", "what to make", Values::any, {"tool", "experiment"}},
                       {"NAME", "what it is called"}},
          .options = {{.name = "dir",
                       .argument = "DIR",
                       .help = "the folder to write, new or empty; without it NAME, here",
                       .values = Values::directory}},
          .examples = {{"lensbench new tool my_probe", "a tool that measures something at once"}}};
}

}  // namespace lensbench::cli
