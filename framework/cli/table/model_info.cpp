#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

/// Opens the checkpoint like a run, so that it also tells whether a run can use it.
Command model_info_command() {
  return {.name = "model info",
          .group = "Models",
          .summary = "architecture, sizes and files of a checkpoint",
          .description =
              R"(Describes a checkpoint: family, sizes, element types, tokenizer, files. Opens
it like a run, so a checkpoint with missing, extra or misshapen tensors is refused. DIR is a model
directory, or a hub name that is in the local hub cache. For a model with a vision tower, it tells how
many tokens a picture costs; --image tells it for a file.)",
          .operands = {{"DIR", "a model directory", Values::directory}},
          .options = {{.name = "image",
                       .argument = "FILE",
                       .help = "also tell how many tokens this picture costs",
                       .values = Values::file,
                       .repeats = true},
                      picture_set_option(),
                      json_option("print JSON")},
          .examples = {{"lensbench model info models/kjv-gpt2", "the embedded model"}}};
}

}  // namespace lensbench::cli
