#include <utility>

#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {
namespace {

std::vector<Option> grade_options() {
  std::vector<Option> options = {
      {.name = "models",
       .argument = "DIR",
       .help = "planted models: a folder with config.json, model.safetensors and truth.json, or a "
               "folder of such folders (default: models planted now)",
       .values = Values::directory,
       .repeats = true},
      {.name = "seeds",
       .argument = "LIST",
       .help = "seeds of models to plant, every kind with each seed (default: 1,2,3,4,5; with "
               "--quick: 1,2)"},
      {.name = "kinds",
       .argument = "LIST",
       .help = "kinds of models to plant, separated by commas, as plant has them (default: all)"},
      {.name = "edges",
       .argument = "",
       .help = "measure the effects of edges of models that are planted now, which takes longest, "
               "so that tools are graded for them, too"},
      {.name = "claims",
       .argument = "GLOB",
       .help = "score only these claims, such as 'effect.*' (lensbench list claims)",
       .initial = "*"},
      {.name = "controls",
       .argument = "LIST",
       .help =
           "controls that accompany the scores, separated by commas: random, shuffled, permuted, "
           "null, gauge; none for no control",
       .initial = "random,shuffled,permuted,null"},
      {.name = "bind",
       .argument = "PARAMETER=FIELD",
       .help = "give a field of each prompt (answer, foil, position, ids, corrupted_ids, "
               "sources.NAME) to a parameter of the tools that have it",
       .values = Values::any,
       .repeats = true},
      {.name = "set",
       .argument = "PARAMETER=VALUE",
       .help = "set a parameter of the tools that have it",
       .values = Values::any,
       .repeats = true},
      {.name = "quick",
       .argument = "",
       .help = "fewer draws of the bootstrap and the controls, fewer prompts of models that are "
               "planted now"},
      {.name = "floor",
       .argument = "CLAIM:METRIC=VALUE",
       .help =
           "exit with 1 if a graded tool with this claim does not reach the value, or, where "
           "smaller is better (error, largest, wrong, layer_error, distance, early, null, gauge), "
           "exceeds it",
       .repeats = true},
      {.name = "seed",
       .argument = "N",
       .help = "seed of the draws and of the shuffled models",
       .values = Values::count,
       .initial = "0"},
      {.name = "out",
       .argument = "FILE",
       .help = "keep the grading in an archive, task by task (default: no archive)",
       .values = Values::archive,
       .letter = 'o'},
      {.name = "resume",
       .argument = "",
       .help = "go on with an interrupted grading of the same request, whose archive --out names"},
      json_option("print one JSON object a line for each tool, claim and metric, and nothing else"),
      threads_option()};
  for (auto& option : plugin_options()) options.push_back(std::move(option));
  return options;
}

}  // namespace

Command grade_command() {
  return {
      .name = "grade",
      .group = "Runs",
      .summary = "how right a tool is on models whose mechanism is known",
      .description =
          R"(Runs a tool, or all of them, on models that were built to do something in a known way, and compares what it says with what is true. A tool says what its numbers mean by the attribute claim of a variable, such as effect.dla or readout.rank; it is scored for this claim alone, and a tool without a claim is listed without a score (docs/grading.md).

Each score has an interval (hierarchical bootstrap over models and prompts) and controls: random scores for the same items; shuffled, the same tool on the model with permuted weights, which shows what follows from the architecture alone; permuted, the planted members exchanged among components of one kind, or the labels and tokens from which a tool learns; null, the largest claim where clean and corrupted prompt are equal; gauge, the largest change of a claim when the same function is written in another basis. A score is good if it is far from its controls, not if it is large.

  AUROC, AP   membership by |score|: are the planted components ranked first?
  lift        (AUROC - shuffled) / (1 - shuffled); none: no better than the architecture
  r, rho      agreement with the effect that is claimed; r(total), r(direct): with other effects
  sign        share of clear members whose sign is right
  E           sum |claimed - true| / sum |true|: 0 is exact, 1 is what zeros get
  cover       share of the true effects that was answered

A tool is asked once for each of the settings that it declares, with the target, foil and position of each prompt. The exit code is 0 when the table was made, also if tools refuse models; 1 if a --floor is missed; 5 if there is no score, since every tool that makes a claim refused every model.

With --out the grading is a run like others: tasks that are done survive an interruption, and the archive is shown, verified, compared and repeated by show, verify, diff and replay. Models that were planted for it are planted anew.)",
      .operands = {{"TOOL", "the name of a tool, or all", Values::tool}},
      .options = grade_options(),
      .examples = {{"lensbench grade all --quick", "every tool on models planted now"},
                   {"lensbench grade all --models planted", "every tool on the models of a folder"},
                   {"lensbench grade layer_attribution --models planted --claims 'effect.*' --json",
                    "scores of one tool as JSON Lines"},
                   {"lensbench grade all -o results/grades.h5 --resume",
                    "keep the grading, and go on where it ended"},
                   {"lensbench grade my_probe --plugin-dir build --models planted "
                    "--floor effect.dla:error=0.01",
                    "fails if the attribution of a tool of yours is not exact"}}};
}

}  // namespace lensbench::cli
