#include <algorithm>
#include <array>
#include <string_view>

#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {
namespace {

/// Options of `run` that say what is computed: a plan does not run anything.
std::vector<Option> options_of_plan() {
  constexpr std::array<std::string_view, 4> kOfRunning = {"resume", "shard", "progress", "json"};
  std::vector<Option> options = run_options();
  std::erase_if(options, [&](const Option& option) {
    return std::find(kOfRunning.begin(), kOfRunning.end(), option.name) != kOfRunning.end();
  });
  for (Option& option : options)
    if (option.name == "out") {
      option.help =
          "archive that the run will write; the plan is in the folder NAME.run next to it";
      option.required = true;
    }
  options.push_back({.name = "shards",
                     .argument = "N",
                     .help = "number of parts, for what is printed; 0: 16, or one for each case",
                     .values = Values::count,
                     .initial = "0"});
  options.push_back({.name = "no-measure",
                     .argument = "",
                     .help = "do not compute a case to see how many bytes its results have"});
  options.push_back(json_option("print the plan as JSON"));
  return options;
}

}  // namespace

Command plan_command() {
  return {
      .name = "plan",
      .group = "Runs",
      .summary = "plan a run of many processes, print what to submit",
      .usage =
          "EXPERIMENT --model DIR (--prompt TEXT | --prompts FILE | --ids IDS) --out FILE "
          "[options]",
      .description =
          R"(Plans a run that several processes will share, without running it: checks the request,
writes the plan to the folder NAME.run, and prints the number of cases and tokens, the parts, the
bytes to expect, and the commands to submit. Each part is an ordinary process, `lensbench run ...
--shard I/N`, which any scheduler can start, on any machine that sees the folder; `lensbench seal
NAME.run` joins them. docs/many-processes.md has the whole way.

The folder must be on a file system with hard links, exclusive creation and fsync, which this command
tries. To see the bytes of the results it computes one case of median length (--no-measure: none).

A plan is not needed before the shards: the first one makes it. Planning first finds what is wrong
with a request before a scheduler queues it.)",
      .operands = {{"EXPERIMENT", "the experiment or tool to plan", Values::entry}},
      .options = options_of_plan(),
      .examples = {{"lensbench plan prediction_trajectory --model DIR --prompts FILE --out a.h5 "
                    "--shards 200",
                    "what to submit for 200 parts"}},
      .more_help = true};
}

}  // namespace lensbench::cli
