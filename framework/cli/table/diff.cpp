#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

/// The tolerance in the help is that of `compare_variable` (archive/variable_diff.hpp).
Command diff_command() {
  return {.name = "diff",
          .group = "Archives",
          .summary = "the differences between two runs",
          .description = R"(Compares two archives: the request (recipe), the software and hardware
(environment), and the results, variable by variable: the number of elements that differ, the largest
difference, whether the order of the elements is the same, and the first element that differs, with
its layer, case and token. Axes are aligned by their labels (tokens by case and position, cases by
id): the values that both archives have are compared, and labels that only one has are named.

Exit code 0: the results are equal in every bit (or within tolerance, with --tolerance). 1: they
differ. 3: not readable as an archive.)",
          .operands = {{"A", "an archive", Values::archive}, {"B", "an archive", Values::archive}},
          .options = {{.name = "tolerance",
                       .argument = "",
                       .help = "ignore differences of floats within the tolerance "
                               "(1e-5 * max|a| + 1e-7, or that of the variable)"},
                      json_option("print JSON")},
          .examples = {{"lensbench diff results/monday.h5 results/tuesday.h5",
                        "request, environment and results of two runs"}}};
}

}  // namespace lensbench::cli
