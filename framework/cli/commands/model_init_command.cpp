#include <iostream>
#include <lensbench/error.hpp>

#include "cli/commands.hpp"
#include "cli/parse/arguments.hpp"
#include "model/weights/create_checkpoint.hpp"

namespace lensbench::cli {
namespace {

int model_init(const Options& options) {
  NewCheckpoint request;
  request.config = options.text("config");
  request.directory = options.operand(0);
  request.seed = options.count("seed");
  if (options.given("dtype")) request.dtype = model_options(options.text("dtype"), "cpu").dtype;
  const CreatedCheckpoint created = create_checkpoint(request);
  std::cerr << "wrote " << request.directory.string() << ": " << created.parameters
            << " parameters, " << created.weight_bytes << " bytes, seed " << request.seed << "\n";
  return 0;
}

}  // namespace

Command model_init_command() {
  auto dtype = dtype_option();
  dtype.help = "element type to store; without it that of the configuration, else float32";
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
                       .help = "config.json of the model to make",
                       .values = Values::file,
                       .required = true},
                      {.name = "seed",
                       .argument = "N",
                       .help = "seed of the weights",
                       .values = Values::count,
                       .initial = "0"},
                      dtype},
          .examples = {{"lensbench model init --config models/kjv-gpt2/config.json /tmp/untrained",
                        "a baseline with the shape of the embedded model"}},
          .run = model_init};
}

}  // namespace lensbench::cli
