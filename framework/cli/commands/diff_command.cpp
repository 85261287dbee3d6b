#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "archive/diff.hpp"
#include "archive/sandbox/guard.hpp"
#include "cli/commands.hpp"
#include "cli/parse/options.hpp"

namespace lensbench::cli {
namespace {

int compare(const Options& options) {
  const ArchiveReader first(options.operand(0)), second(options.operand(1));
  const ArchiveDifference difference = diff_archives(first, second);
  if (options.flag("json"))
    std::cout << to_json(difference).dump(1) << "\n";
  else
    std::cout << describe(difference);
  const Agreement most =
      options.flag("tolerance") ? Agreement::within_tolerance : Agreement::identical;
  return difference.results() <= most ? 0 : 1;
}

int diff(const Options& options) {
  return in_child({{options.operand(0), options.operand(1)}}, [&] { return compare(options); });
}

}  // namespace

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
                        "request, environment and results of two runs"}},
          .run = diff};
}

}  // namespace lensbench::cli
