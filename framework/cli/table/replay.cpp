#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

/// Options may change places of files, output and threads, never the request itself; the exit codes
/// are stated, because scripts distinguish a different result from a missing file.
Command replay_command() {
  auto model = model_option();
  model.required = false;
  model.help = "directory of the model (default: search for the recorded one)";
  auto threads = threads_option();
  threads.help = "number of threads (default: as recorded); 0: one per core";
  // Empty, so that the recorded number applies if the option is missing.
  threads.initial = "";
  std::vector<Option> options = {
      model,
      {.name = "set",
       .argument = "KEY=DIR",
       .help = "directory of another model that the request uses",
       .repeats = true},
      {.name = "file",
       .argument = "KEY=PATH",
       .help = "place of a file, folder or model that a parameter of the request names; "
               "images=FOLDER: of the pictures",
       .repeats = true},
      {.name = "out",
       .argument = "FILE",
       .help = "keep the new archive in FILE (default: it is removed)",
       .values = Values::archive},
      {.name = "allow-different",
       .argument = "",
       .help = "run even if files differ, and report that this is not a replay"},
      threads,
      json_option("print the comparison as JSON"),
      {.name = "quiet", .argument = "", .help = "no progress", .letter = 'q'}};
  for (auto& option : plugin_options()) options.push_back(std::move(option));
  return {.name = "replay",
          .group = "Archives",
          .summary = "repeat a run and compare the results",
          .description =
              R"(Repeats the request that an archive holds and compares the results variable by
variable. The model, and the models and folders that parameters name, are searched at their recorded
paths, then by the SHA-256 of their files in sibling folders of that path and in the local hub cache. A
file that a parameter names is searched at its recorded path; --file tells where it is now. Pictures
are searched at their recorded paths, or with --file images=FOLDER by their names in a folder. Model files, tokenizer, files of parameters, pictures
and plug-ins must be the same by SHA-256; any that differ are named and refused.

In the same environment the results must be equal in every bit. In another environment (threads, BLAS
kernel, CPU, versions) floats may differ by 1e-5 * max|a| + 1e-7, or by the tolerance of the variable.

Exit code 0: equal results. 1: different results. 2: wrong usage. 3: the archive, the model or a
plug-in is missing or differs. 4: a plug-in could not be loaded. 5: the run failed.)",
          .operands = {{"FILE", "an archive", Values::archive}},
          .options = std::move(options),
          .examples = {{"lensbench replay results/mine.h5",
                        "check that the results are equal in every bit"}}};
}

}  // namespace lensbench::cli
