#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {
namespace {

/// One of several sources of prompts is required, which the generated usage line cannot express.
constexpr const char* kPromptsUsage =
    " --model DIR (--prompt TEXT | --prompts FILE | --ids IDS) [options]";

}  // namespace

/// `run` and `tool` differ in the kind of the first operand only.
Command run_command() {
  return {
      .name = "run",
      .group = "Runs",
      .summary = "run an experiment on prompts, write an archive",
      .usage = std::string("EXPERIMENT") + kPromptsUsage,
      .description = R"(Runs an experiment on every prompt, prints its results and saves them in an
archive. `lensbench list experiments` lists experiments; `lensbench run EXPERIMENT --help` shows the
parameters of one.)",
      .operands = {{"EXPERIMENT", "the experiment to run (see lensbench list experiments)",
                    Values::experiment}},
      .options = run_options(),
      .examples = {{"lensbench run first_look --model models/kjv-gpt2 --prompt \"And God said\"",
                    "predictions by layer, contributions and choices for one prompt"},
                   {"lensbench run layer_responsibility --model DIR --prompts FILE --out a.h5",
                    "many prompts, with a chosen archive name"},
                   {"lensbench run layer_responsibility --model DIR --prompts FILE --out a.h5 "
                    "--shard 7/200",
                    "one of 200 processes that share the run (docs/many-processes.md)"}},
      .more_help = true};
}

Command tool_command() {
  return {
      .name = "tool",
      .group = "Runs",
      .summary = "run one tool on prompts, without an experiment",
      .usage = std::string("TOOL") + kPromptsUsage,
      .description = R"(Runs one tool on every prompt, prints its results and saves them in an
archive. `lensbench list tools` lists tools; `lensbench tool TOOL --help` shows the parameters of
one.)",
      .operands = {{"TOOL", "the tool to run (see lensbench list tools)", Values::tool}},
      .options = run_options(),
      .examples = {{"lensbench tool logit_lens --model models/kjv-gpt2 --prompt \"And God said\" "
                    "--set top_k=5",
                    "the five best predictions of each layer"}},
      .more_help = true};
}

}  // namespace lensbench::cli
