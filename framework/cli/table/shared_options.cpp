#include "cli/table/shared_options.hpp"

#include <utility>

namespace lensbench::cli {

const Option& help_option() {
  static const Option help = {.name = "help", .argument = "", .help = "this text", .letter = 'h'};
  return help;
}

/// Options of several commands, in one place, so that each has one meaning and one wording. A
/// command may change the help or the default of its copy.
Option model_option() {
  return {.name = "model",
          .argument = "DIR",
          .help =
              "model: a Hugging Face model directory, or a hub name that is in the local "
              "hub cache",
          .values = Values::directory,
          .required = true};
}

Option plugin_dir_option() {
  return {.name = "plugin-dir",
          .argument = "DIR",
          .help = "search this folder for plug-ins first",
          .values = Values::directory,
          .repeats = true};
}

Option threads_option() {
  return {.name = "threads",
          .argument = "N",
          .help = "number of threads; 0: one per core",
          .values = Values::count,
          .initial = "0"};
}

Option json_option(const std::string& what) {
  return {.name = "json", .argument = "", .help = what};
}

Option dtype_option() {
  return {.name = "dtype",
          .argument = "TYPE",
          .help = "element type of weights and activations",
          .words = {"float32", "bfloat16", "float16"},
          .initial = "float32"};
}

/// `run` and `tool` have equal options, so that a tool can be replaced by an experiment on the same
/// command line.
std::vector<Option> run_options() {
  std::vector<Option> options = {
      model_option(),
      {.name = "prompt", .argument = "TEXT", .help = "a prompt", .repeats = true},
      {.name = "prompts",
       .argument = "FILE",
       .help =
           "one prompt per line, or JSONL (.jsonl) with text or ids, id, target and other fields",
       .values = Values::file},
      {.name = "ids",
       .argument = "\"1 2 3\"",
       .help = "token ids, used without a tokenizer and without adding a BOS",
       .repeats = true},
      {.name = "set",
       .argument = "KEY=VALUE",
       .help = "a parameter of the tool or experiment",
       .values = Values::setting,
       .repeats = true},
      {.name = "interventions",
       .argument = "FILE",
       .help = "JSON list of changes to activations, applied in every forward of the model "
               "(docs/interventions.md)",
       .values = Values::file},
      {.name = "config",
       .argument = "FILE",
       .help = "read options from an INI file, parameters from its section [set]; the command line "
               "wins; the archive keeps the file",
       .values = Values::file},
      {.name = "out",
       .argument = "FILE",
       .help = "archive to write (default: a new name under results/)",
       .values = Values::archive},
      dtype_option(),
      {.name = "device", .argument = "DEVICE", .help = "cpu or cuda:N", .initial = "cpu"},
      threads_option(),
      {.name = "seed",
       .argument = "N",
       .help = "seed of every random choice",
       .values = Values::count,
       .initial = "0"},
      {.name = "profile",
       .argument = "",
       .help = "measure time and bytes of each layer and component, for lensbench show"},
      {.name = "resume", .argument = "", .help = "continue an interrupted run with the same --out"},
      {.name = "commit-every",
       .argument = "SECONDS",
       .help = "make finished cases safe on disk at least this often; a power cut costs those "
               "after the last time. 0: after every case",
       .initial = "1"},
      {.name = "no-share",
       .argument = "",
       .help =
           "run a forward for every request of every tool, instead of sharing one per case; the "
           "results are the same"},
      {.name = "progress",
       .argument = "HOW",
       .help = "bar, or json: one line on stderr for each case when it is safe",
       .words = {"bar", "json"},
       .initial = "bar"},
      json_option("print the results as JSON"),
      {.name = "quiet", .argument = "", .help = "print nothing but errors", .letter = 'q'}};
  for (auto& option : plugin_options()) options.push_back(std::move(option));
  return options;
}

std::vector<Option> plugin_options() {
  return {plugin_dir_option(),
          {.name = "plugin-lock",
           .argument = "FILE",
           .help = "load only the plug-ins that FILE lists by SHA-256 (lensbench list tools "
                   "--lock writes one)",
           .values = Values::file},
          {.name = "pin",
           .argument = "NAME=PLUGIN",
           .help = "use the tool or experiment of this library, given by SHA-256 or path",
           .repeats = true},
          {.name = "allow-insecure-plugins",
           .argument = "",
           .help = "also load plug-ins from paths that others can write (docs/security.md)"}};
}

}  // namespace lensbench::cli
