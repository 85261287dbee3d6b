#include "cli/table/commands.hpp"

namespace lensbench::cli {

/// The kinds are checked by `plant`, which is in the library.
Command plant_command() {
  return {
      .name = "plant",
      .group = "Models",
      .summary = "models whose mechanism is known, for grade; or a check of their truth",
      .usage = "KIND|all --out DIR [options]\n       lensbench plant --check DIR...",
      .description =
          R"(Builds a small transformer by hand, as an ordinary checkpoint (config.json, model.safetensors), with truth.json: what each head, MLP and neuron was built for, and its effects, computed in float64 by exact patching from the stored weights. Tools are graded on such models (docs/grading.md).

  bigram           the next token depends on the current one alone: a table in an MLP
  induction        A B ... A is followed by B: previous-token head, induction head, suppressor
  induction_llama  the same in a Llama: rotary positions, keys that heads share
  fact             two MLPs store each subject's values, either is enough; heads move them
  fact_llama       the same in a Llama: one head moves all values, a gated MLP chooses
  name_mover       the name that is not repeated: inhibition, name mover, silent backup
  boolean          AND, OR or XOR of two bits, which a head each moves to an MLP
  mirror_bert      a masked letter of a mirrored word, in an encoder that looks both ways
  superposition    24 sparse features in 16 dimensions, which a neuron each reads
  frac_prevs       share of x among the tokens so far, in five buckets
  hist             how often the current token has occurred
  dyck             whether brackets are balanced, open or broken
  reverse          the tokens before | in reverse order
  sort             the tokens before | in ascending order

All of them also have parts that look important and are not. The seed decides facts, prompts, the order of heads and neurons, basis and filler.

With --check, the numbers of truth.json are computed anew from the checkpoint in each folder. The exit code is 1 if one differs by more than 1e-4 of the gap; each such number is printed with field, component and prompt.)",
      .operands = {{.name = "KIND",
                    .what = "kind of model or all; with --check, folders of planted models",
                    .values = Values::directory,
                    .repeats = true}},
      .options = {{.name = "check",
                   .argument = "",
                   .help = "compute the truth of the folders again and compare"},
                  {.name = "out",
                   .argument = "DIR",
                   .help = "folder to write, new or empty; with all, a folder of folders",
                   .values = Values::directory},
                  {.name = "seed",
                   .argument = "N",
                   .help = "seed of everything that may change",
                   .values = Values::count,
                   .initial = "1"},
                  {.name = "gauge",
                   .argument = "BASIS",
                   .help = "basis of the stream: one dimension for each variable, or turned at "
                           "random, with filler that leaks a little into the logits",
                   .words = {"aligned", "rotated"},
                   .initial = "aligned"},
                  {.name = "set",
                   .argument = "KEY=VALUE",
                   .help = "prompts=N of each task (12); edges=false leaves out the effects of "
                           "edges, which take longest",
                   .repeats = true}},
      .examples = {
          {"lensbench plant induction --out /tmp/planted/induction", "one model"},
          {"lensbench plant all --gauge rotated --seed 2 --out /tmp/planted-2",
           "one of every kind, in another basis"},
          {"lensbench plant --check /tmp/planted/induction", "is its truth that of its weights?"}}};
}

}  // namespace lensbench::cli
