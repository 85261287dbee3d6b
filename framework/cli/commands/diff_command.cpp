#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "archive/diff.hpp"
#include "archive/sandbox/guard.hpp"
#include "cli/commands/actions.hpp"
#include "cli/parse/options.hpp"
#include "report/summary/diff_text.hpp"

namespace lensbench::cli {
namespace {

/// Differences as text or JSON. \return 0 if all variables agree, 1 otherwise
int compare(const Options& options) {
  const ArchiveReader first(options.operand(0)), second(options.operand(1));
  const ArchiveDifference difference = diff_archives(first, second);
  if (options.flag("json"))
    std::cout << to_json(difference).dump(1) << "\n";
  else
    std::cout << describe(difference);
  // The worst agreement that still counts as equal; `Agreement` is ordered from best to worst.
  const Agreement most =
      options.flag("tolerance") ? Agreement::within_tolerance : Agreement::identical;
  return difference.results() <= most ? 0 : 1;
}

}  // namespace

/// Archives may come from others, so that they are read in a confined child process.
int run_diff(const Options& options) {
  return in_child({{options.operand(0), options.operand(1)}}, [&] { return compare(options); });
}

}  // namespace lensbench::cli
