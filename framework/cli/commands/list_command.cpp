#include <iostream>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <nlohmann/json.hpp>

#include "checkpoint/stored_model.hpp"
#include "cli/commands.hpp"
#include "cli/commands/list_entries.hpp"
#include "cli/parse/options.hpp"
#include "cli/parse/plugin_options.hpp"
#include "core/text/suggest.hpp"

namespace lensbench::cli {
namespace {

int list_families(const Options& options) {
  const auto families = model_families();
  if (options.flag("json"))
    std::cout << nlohmann::json(families).dump() << "\n";
  else
    for (const auto& family : families) std::cout << family << "\n";
  return 0;
}

int list_hooks(const Options& options) {
  if (options.text("model").empty())
    throw UsageError(
        "list hooks: --model is missing; which hooks there are depends on the model's family");
  const auto points = hook_points(open_as_stored(options.text("model")).model->spec());
  nlohmann::json list = nlohmann::json::array();
  for (const auto& point : points) {
    if (options.flag("json"))
      list.push_back({{"name", point.name},
                      {"layer", point.layer},
                      {"dims", point.dims},
                      {"aliases", point.aliases}});
    else
      std::cout << point.name << "  [" << join(point.dims, ", ") << "]"
                << (point.aliases.empty() ? "" : "  = " + join(point.aliases, ", ")) << "\n";
  }
  if (options.flag("json")) std::cout << list.dump(1) << "\n";
  return 0;
}

int list(const Options& options) {
  const auto& what = options.operand(0);
  if (what == "tools") return list_entries(PluginEntryKind::tool, options);
  if (what == "experiments") return list_entries(PluginEntryKind::experiment, options);
  if (what == "families") return list_families(options);
  return list_hooks(options);
}

}  // namespace

Command list_command() {
  auto model = model_option();
  model.required = false;
  model.help = "with hooks: the model whose hook points are listed";
  std::vector<Option> options = {
      model,
      json_option("the same for a script"),
      {.name = "lock",
       .argument = "",
       .help = "with tools: a lock of all plug-ins instead, for --plugin-lock (docs/security.md)"}};
  for (auto& option : plugin_options()) options.push_back(std::move(option));
  return {
      .name = "list",
      .group = "What there is",
      .summary = "tools, experiments, model families or hook points",
      .description = R"(  tools, experiments   what the plug-ins offer, with parameters and defaults
  families             model families this build can open
  hooks                hook points of a model, with their dimensions and other names)",
      .operands =
          {{"WHAT", "what to list", Values::any, {"tools", "experiments", "families", "hooks"}}},
      .options = std::move(options),
      .examples = {{"lensbench list tools", "the tools, with their parameters"},
                   {"lensbench list tools --lock > plugins.lock",
                    "these very plug-ins, for --plugin-lock"},
                   {"lensbench list hooks --model models/kjv-gpt2",
                    "every activation that can be read or changed"}},
      .run = list};
}

}  // namespace lensbench::cli
