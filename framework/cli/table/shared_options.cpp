#include "cli/table/shared_options.hpp"

#include <iterator>
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

/// Options that say which pictures prompts have, of `run`, `tool` and `tokenize`.
std::vector<Option> picture_options() {
  return {{.name = "image",
           .argument = "FILE",
           .help = "a picture (JPEG, PNG or WebP) for every prompt, before its text or at {image} "
                   "(docs/pictures.md)",
           .values = Values::file,
           .repeats = true},
          {.name = "raw-prompt",
           .argument = "TEXT",
           .help = "a prompt as the model reads it, without a chat template: each picture is "
                   "<|image_pad|> after <|vision_start|> and before <|vision_end|>, without blanks",
           .repeats = true},
          {.name = "answer-prefix",
           .argument = "TEXT",
           .help = "beginning of the answer to prompts with pictures"},
          {.name = "images",
           .argument = "FOLDER",
           .help = "one case for each picture of a folder, sorted by name, with the labels of its "
                   "labels.csv (file,label)",
           .values = Values::directory}};
}

Option picture_set_option() {
  return {.name = "set",
          .argument = "KEY=VALUE",
          .help =
              "a setting of pictures: min_pixels, max_pixels, alpha, sixteen_bit, resize_order "
              "(docs/pictures.md)",
          .values = Values::any,
          .repeats = true};
}

/// `run` and `tool` have equal options, so that a tool can be replaced by an experiment on the same
/// command line.
std::vector<Option> run_options() {
  std::vector<Option> options = {
      model_option(),
      {.name = "prompt", .argument = "TEXT", .help = "a prompt", .repeats = true},
      {.name = "prompts",
       .argument = "FILE",
       .help = "one prompt per line, or JSONL (.jsonl, .ndjson) with text or ids, id, target, "
               "images and other fields",
       .values = Values::file},
      {.name = "ids",
       .argument = "\"1 2 3\"",
       .help = "token ids, used without a tokenizer and without adding a BOS",
       .repeats = true},
      {.name = "set",
       .argument = "KEY=VALUE",
       .help = "a parameter of the tool or experiment, or a setting of pictures",
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
      {.name = "resume",
       .argument = "",
       .help = "continue an interrupted run with the same --out, when its processes have ended"},
      {.name = "shard",
       .argument = "I/N",
       .help =
           "run the I-th of N parts of the run, seal nothing: processes of any scheduler work on "
           "one run in this way (lensbench plan prints what to submit, lensbench seal joins it)"},
      {.name = "block",
       .argument = "N",
       .help = "cases that each process of mpirun or srun gets at a time, at most 256; 0: few, by "
               "the number of cases and processes. The results are the same",
       .values = Values::count,
       .initial = "0"},
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
      {.name = "keep-images",
       .argument = "",
       .help = "store the picture files in the archive too, so that pages and replays need no "
               "others; without it the archive has their names and digests alone"},
      {.name = "place",
       .argument = "WHERE",
       .help = "weights in memory, or stream: read from disk block by block, each block once for "
               "several cases; auto: stream if the weights do not fit into memory. The results are "
               "the same",
       .words = {"auto", "memory", "stream"},
       .initial = "auto"},
      {.name = "progress",
       .argument = "HOW",
       .help = "bar, or json: one line on stderr for each case when it is safe",
       .words = {"bar", "json"},
       .initial = "bar"},
      json_option("print the results as JSON"),
      {.name = "quiet", .argument = "", .help = "print nothing but errors", .letter = 'q'}};
  // After the other prompts, so that help shows all of them together.
  std::vector<Option> pictures = picture_options();
  options.insert(options.begin() + 4, std::make_move_iterator(pictures.begin()),
                 std::make_move_iterator(pictures.end()));
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
