#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

Command model_init_command() {
  auto dtype = dtype_option();
  dtype.help = "element type to store (default: that of the configuration, else float32)";
  // Empty, so that the type of the configuration applies if the option is missing.
  dtype.initial = "";
  return {.name = "model init",
          .group = "Models",
          .summary = "an untrained model of any family, from a config.json",
          .description = R"(Writes an untrained model of any family to DIR, a folder that does not
exist or is empty: config.json as given and model.safetensors with random weights, drawn as
transformers initialises that family. The same configuration, seed and dtype give the same bytes on
any number of threads.)",
          .operands = {{"DIR", "the folder to write", Values::directory}},
          .options = {{.name = "config",
                       .argument = "FILE",
                       .help = "config.json of the new model",
                       .values = Values::file,
                       .required = true},
                      {.name = "seed",
                       .argument = "N",
                       .help = "seed of the weights",
                       .values = Values::count,
                       .initial = "0"},
                      dtype},
          .examples = {{"lensbench model init --config models/kjv-gpt2/config.json /tmp/untrained",
                        "a baseline with the shape of the embedded model"}}};
}

}  // namespace lensbench::cli
