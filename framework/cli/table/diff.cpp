#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

Command diff_command() {
  return {.name = "diff",
          .group = "Archives",
          .summary = "where two runs part",
          .description = R"(Where two archives part: in what was asked (recipe), in what ran it
(environment), and in the results, variable by variable: how many elements, by how much at most,
whether their order is still the same, and the first element that differs with its layer, case and
token.

Exit code 0: the results are the same in every bit (or within tolerance, if that was allowed). 1: they
differ. 3: not readable as an archive.)",
          .operands = {{"A", "an archive", Values::archive}, {"B", "an archive", Values::archive}},
          .options = {{.name = "tolerance",
                       .argument = "",
                       .help = "a float that differs within its tolerance does not count as "
                               "different (1e-5 * max|a| + 1e-7, or what the variable declares)"},
                      json_option("the same for a script")},
          .examples = {{"lensbench diff results/monday.h5 results/tuesday.h5",
                        "request, environment and results of two runs"}}};
}

}  // namespace lensbench::cli
