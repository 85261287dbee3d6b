#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

Command show_command() {
  return {
      .name = "show",
      .group = "Archives",
      .summary = "contents of an archive",
      .description = R"(Shows the contents of an archive: the request, the model, the results with
their dimensions and units, receipts, digests.)",
      .operands = {{"FILE", "an archive", Values::archive}},
      .options = {json_option("print JSON")},
      .examples = {{"lensbench show results/mine.h5", "a summary to read"}}};
}

}  // namespace lensbench::cli
