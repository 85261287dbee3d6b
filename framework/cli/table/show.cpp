#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

Command show_command() {
  return {
      .name = "show",
      .group = "Archives",
      .summary = "results and contents of an archive or of a run",
      .description = R"(Draws the results of an archive as `lensbench run` does, of its first cases
or of those that --case names. --facts shows what the archive contains instead: the request, the
model, the cases, the receipts, the digests, and every variable with its dimensions and units.

Of a run that still goes on, or was interrupted, it draws what is saved so far: give the folder
NAME.run, or the archive that it will become. Of a run that several processes share (`lensbench run
--shard`), it adds how far they have come, how fast, and which parts have been seen.)",
      .operands = {{"FILE", "an archive, or the folder of a run", Values::archive},
                   {.name = "RESULT", .what = "the name of a dataset", .optional = true}},
      .options = {{.name = "case",
                   .argument = "ID",
                   .help = "draw the case with this id",
                   .repeats = true},
                  {.name = "facts",
                   .argument = "",
                   .help = "show what the archive contains, without drawings"},
                  json_option("print what the archive contains as JSON")},
      .examples = {
          {"lensbench show results/mine.h5", "all results of the first cases"},
          {"lensbench show results/mine.h5 lens --case prompt-7", "one result of one case"},
          {"lensbench show results/mine.run", "what a run has saved so far"},
          {"lensbench show results/mine.h5 --facts", "request, receipts, digests"}}};
}

}  // namespace lensbench::cli
