#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

/// The request comes from the folder of the run, as that of `finish` does.
Command seal_command() {
  std::vector<Option> options = {
      {.name = "reproducible",
       .argument = "",
       .help = "leave times, hosts, words of commands and costs out of the archive: runs of one "
               "request then have equal files, however many processes computed them"},
      json_option("print JSON"),
      {.name = "quiet", .argument = "", .help = "no progress and no tables", .letter = 'q'}};
  for (auto& option : plugin_options()) options.push_back(std::move(option));
  return {
      .name = "seal",
      .group = "Runs",
      .summary = "join the shards of a run to one archive",
      .description =
          R"(Joins what the shards of a run have computed (`lensbench run --shard`), in the order of
the plan: calls the experiment's summary over the cases, writes the archive NAME.h5 and removes the
folder NAME.run. The archive has the same results, recipe and receipts as that of one process. Seal a
run when all its shards have ended, on a machine of the kind that computed it.

If cases are missing, their number and the first of them are printed, and nothing is written: run the
shards again that have them.

Exit code 0: done. 1: a receipt failed. 2: cases are missing, or this machine differs from those that
computed the run. 5: cases failed (the archive has the others), or the summary failed.)",
      .operands = {{"RUN", "the folder NAME.run of a run", Values::directory}},
      .options = std::move(options),
      .examples = {{"lensbench seal results/mine.run", "the archive is results/mine.h5"},
                   {"lensbench seal results/mine.run --reproducible",
                    "sha256sum of the archive depends on the request alone"}}};
}

}  // namespace lensbench::cli
