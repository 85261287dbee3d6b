#include <iostream>
#include <nlohmann/json.hpp>

#include "archive/sandbox/guard.hpp"
#include "cli/commands.hpp"
#include "cli/parse/options.hpp"
#include "report/summary/show.hpp"

namespace lensbench::cli {
namespace {

int show(const Options& options) {
  const auto& file = options.operand(0);
  return in_child({{file}}, [&] {
    if (options.flag("json"))
      std::cout << describe_archive_json(file).dump(1) << "\n";
    else
      std::cout << describe_archive(file);
    return 0;
  });
}

}  // namespace

Command show_command() {
  return {.name = "show",
          .group = "Archives",
          .summary = "what an archive holds",
          .description = R"(What an archive holds: what was asked, of which model, the results with
their dimensions and units, receipts, digests.)",
          .operands = {{"FILE", "an archive", Values::archive}},
          .options = {json_option("the same for a script")},
          .examples = {{"lensbench show results/mine.h5", "a summary to read"}},
          .run = show};
}

}  // namespace lensbench::cli
