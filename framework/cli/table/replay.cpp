#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

Command replay_command() {
  auto model = model_option();
  model.required = false;
  model.help = "where the model is now (default: where it was)";
  auto threads = threads_option();
  threads.help = "threads to compute with (default: as many as then); 0: one a core";
  threads.initial = "";
  std::vector<Option> options = {
      model,
      {.name = "set",
       .argument = "KEY=DIR",
       .help = "where another model is that the request uses",
       .repeats = true},
      {.name = "out",
       .argument = "FILE",
       .help = "keep the new archive (otherwise it is removed)",
       .values = Values::archive},
      {.name = "allow-different",
       .argument = "",
       .help = "run all the same, and say that this is no replay"},
      threads,
      json_option("the comparison for a script"),
      {.name = "quiet", .argument = "", .help = "no progress", .letter = 'q'}};
  for (auto& option : plugin_options()) options.push_back(std::move(option));
  return {
      .name = "replay",
      .group = "Archives",
      .summary = "ask again, and compare the answers",
      .description =
          R"(Asks an archive's request again, from what the archive says, and compares the
answers variable by variable. The model is looked for where it was, then by the SHA-256
of its files beside that place and in the local hub cache. Its files, the tokenizer and the
plug-ins must be the very ones (by SHA-256); what is not is named, and refused.

With the environment of then the bits must be the same. In another one (threads, BLAS kernel, CPU,
versions) floats may differ by 1e-5 * max|a| + 1e-7, or what the variable declares.

Exit code 0: the same answer. 1: another answer. 2: wrong usage. 3: the archive, the model or a plug-in
is not there or is not the one. 4: a plug-in could not be loaded. 5: the run failed.)",
      .operands = {{"FILE", "an archive", Values::archive}},
      .options = std::move(options),
      .examples = {{"lensbench replay results/mine.h5", "is the answer the same, bit by bit?"}}};
}

}  // namespace lensbench::cli
