#include <iostream>
#include <nlohmann/json.hpp>

#include "archive/show.hpp"
#include "cli/commands.hpp"
#include "cli/simple_options.hpp"

namespace lensbench::cli {
namespace {

constexpr const char* kHelp = R"(lensbench show FILE [--json]

What an archive holds: what was asked, of which model, the results with their dimensions and units,
receipts, digests.
)";

}  // namespace

int show_command(const Arguments& arguments) {
  const SimpleOptions options("show", arguments, {}, {"json"});
  if (options.flag("help")) {
    std::cout << kHelp;
    return 0;
  }
  const auto& file = options.only_positional("an archive");
  if (options.flag("json"))
    std::cout << describe_archive_json(file).dump(1) << "\n";
  else
    std::cout << describe_archive(file);
  return 0;
}

}  // namespace lensbench::cli
