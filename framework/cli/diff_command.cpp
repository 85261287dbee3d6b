#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "archive/diff.hpp"
#include "cli/commands.hpp"
#include "cli/simple_options.hpp"

namespace lensbench::cli {
namespace {

constexpr const char* kHelp = R"(lensbench diff A B [--tolerance] [--json]

Where two archives part: in what was asked (recipe), in what ran it (environment), and in the
results, variable by variable: how many elements, by how much at most, whether their order is still
the same, and the first element that differs with its layer, case and token.

  --tolerance   a float that differs within its tolerance does not count as different
                (1e-5 * max|a| + 1e-7, or what the variable declares)
  --json        the same for a script

Exit code 0: the results are the same in every bit (or within tolerance, if that was allowed).
1: they differ. 3: not readable as an archive.
)";

}  // namespace

int diff_command(const Arguments& arguments) {
  const SimpleOptions options("diff", arguments, {}, {"json", "tolerance"});
  if (options.flag("help")) {
    std::cout << kHelp;
    return 0;
  }
  if (options.positional().size() != 2)
    throw UsageError("diff needs two archives: lensbench diff A.h5 B.h5");
  const ArchiveReader first(options.positional()[0]), second(options.positional()[1]);
  const ArchiveDifference difference = diff_archives(first, second);
  if (options.flag("json"))
    std::cout << to_json(difference).dump(1) << "\n";
  else
    std::cout << describe(difference);
  const Agreement most =
      options.flag("tolerance") ? Agreement::within_tolerance : Agreement::identical;
  return difference.results() <= most ? 0 : 1;
}

}  // namespace lensbench::cli
