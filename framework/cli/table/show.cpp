#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

Command show_command() {
  return {.name = "show",
          .group = "Archives",
          .summary = "what an archive holds",
          .description = R"(What an archive holds: what was asked, of which model, the results with
their dimensions and units, receipts, digests.)",
          .operands = {{"FILE", "an archive", Values::archive}},
          .options = {json_option("the same for a script")},
          .examples = {{"lensbench show results/mine.h5", "a summary to read"}}};
}

}  // namespace lensbench::cli
