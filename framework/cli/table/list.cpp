#include "cli/table/commands.hpp"
#include "cli/table/shared_options.hpp"

namespace lensbench::cli {

Command list_command() {
  auto model = model_option();
  // Required for `hooks` only, which the action checks.
  model.required = false;
  model.help = "with hooks: the model whose hook points are listed";
  std::vector<Option> options = {
      model,
      json_option("print JSON"),
      {.name = "lock",
       .argument = "",
       .help = "with tools: print a lock of all plug-ins, for --plugin-lock (docs/security.md)"}};
  for (auto& option : plugin_options()) options.push_back(std::move(option));
  return {.name = "list",
          .group = "Listings",
          .summary = "tools, experiments, model families, hook points or claims",
          .description =
              R"(  tools, experiments   contents of the plug-ins, with parameters and defaults
  families             model families this build can open
  hooks                hook points of a model, with their dimensions and other names
  claims               what lensbench grade scores, with the truth that decides it)",
          .operands = {{"WHAT",
                        "what to list",
                        Values::any,
                        {"tools", "experiments", "families", "hooks", "claims"}}},
          .options = std::move(options),
          .examples = {{"lensbench list tools", "the tools, with their parameters"},
                       {"lensbench list tools --lock > plugins.lock",
                        "a lock of these plug-ins, for --plugin-lock"},
                       {"lensbench list hooks --model models/kjv-gpt2",
                        "every activation that can be read or changed"}}};
}

}  // namespace lensbench::cli
