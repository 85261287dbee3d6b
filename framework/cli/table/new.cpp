#include "cli/table/commands.hpp"

namespace lensbench::cli {

/// The name is checked by `write_project`: it becomes a file name and a CMake target.
Command new_command() {
  return {
      .name = "new",
      .group = "lensbench itself",
      .summary = "a project for a tool or an experiment of your own",
      .description = R"(Writes a project for a tool or an experiment of your own:
CMakeLists.txt, one source, one test, a README. It builds, loads and passes its test without changes.

NAME is the name for `lensbench tool` or `lensbench run`: lower-case letters, digits, underscores.)",
      .operands = {{"KIND", "kind of project", Values::any, {"tool", "experiment"}},
                   {"NAME", "name of the tool or experiment"}},
      .options = {{.name = "dir",
                   .argument = "DIR",
                   .help = "folder to write, new or empty (default: NAME in the current folder)",
                   .values = Values::directory}},
      .examples = {{"lensbench new tool my_probe", "a tool that is ready to run"}}};
}

}  // namespace lensbench::cli
