#include "cli/table/commands.hpp"

namespace lensbench::cli {

/// Without an action: `run_command_line` writes the page from the table.
Command man_command() {
  return {.name = "man",
          .group = "lensbench itself",
          .summary = "the manual page",
          .description = R"(Prints the manual page. Installing lensbench also installs it where man
searches.)",
          .examples = {{"lensbench man > lensbench.1 && man ./lensbench.1", "read it here"}}};
}

}  // namespace lensbench::cli
