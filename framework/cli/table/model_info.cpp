#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

Command model_info_command() {
  return {
      .name = "model info",
      .group = "Models",
      .summary = "what a checkpoint is",
      .description = R"(What a checkpoint is: family, sizes, element types, tokenizer, files. Opens
it as a run would, so that a checkpoint with missing, extra or misshapen tensors is refused here
already. DIR is a model directory, or a hub name that is in the local hub cache.)",
      .operands = {{"DIR", "a model directory", Values::directory}},
      .options = {json_option("the same for a script")},
      .examples = {{"lensbench model info models/kjv-gpt2", "the embedded model"}}};
}

}  // namespace lensbench::cli
