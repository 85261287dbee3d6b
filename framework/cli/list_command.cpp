#include <algorithm>
#include <boost/program_options.hpp>
#include <iostream>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <nlohmann/json.hpp>

#include "bench/plugin_host.hpp"
#include "cli/commands.hpp"
#include "cli/entry_help.hpp"
#include "cli/simple_options.hpp"
#include "cli/stored_model.hpp"
#include "core/suggest.hpp"

namespace lensbench::cli {
namespace {

nlohmann::json parameters_json(const PluginInfo& entry) {
  nlohmann::json parameters = nlohmann::json::array();
  for (const auto& p : entry.parameters)
    parameters.push_back({{"name", p.name},
                          {"type", describe(p.type)},
                          {"default", p.default_value},
                          {"required", p.required},
                          {"units", p.units},
                          {"help", p.help}});
  return parameters;
}

void print_entry(const PluginInfo& entry, const std::vector<std::string>& tools) {
  std::cout << entry.name << "  " << entry.version << "\n    " << entry.summary << "\n";
  if (entry.kind == PluginEntryKind::experiment)
    std::cout << "    uses: " << (tools.empty() ? "no tools" : join(tools, ", ")) << "\n";
  std::vector<std::string> parameters;
  for (const auto& p : entry.parameters)
    parameters.push_back(p.name + (p.required                ? "=..."
                                   : p.default_value.empty() ? ""
                                                             : "=" + p.default_value));
  if (!parameters.empty()) std::cout << "    parameters: " << join(parameters, "  ") << "\n";
  std::cout << "    from: " << entry.path.string() << "\n";
}

int list_entries(PluginEntryKind kind, const SimpleOptions& options) {
  PluginHost host;
  for (const auto& directory : plugin_directories(options.list("plugin-dir")))
    host.load_directory(directory);
  nlohmann::json list = nlohmann::json::array();
  for (const auto& entry : host.entries()) {
    if (entry.kind != kind) continue;
    std::vector<std::string> tools;
    if (kind == PluginEntryKind::experiment) tools = declared_tools(host, entry);
    if (!options.flag("json")) {
      print_entry(entry, tools);
      continue;
    }
    nlohmann::json item = {{"name", entry.name},          {"version", entry.version},
                           {"summary", entry.summary},    {"plugin", entry.plugin},
                           {"path", entry.path.string()}, {"parameters", parameters_json(entry)}};
    if (kind == PluginEntryKind::experiment) item["tools"] = tools;
    list.push_back(std::move(item));
  }
  if (options.flag("json")) std::cout << list.dump(1) << "\n";
  for (const auto& refusal : host.refusals())
    std::cerr << "lensbench: refused: " << refusal.message << "\n";
  return host.refusals().empty() ? 0 : 4;
}

int list_families(const SimpleOptions& options) {
  const auto families = model_families();
  if (options.flag("json"))
    std::cout << nlohmann::json(families).dump() << "\n";
  else
    for (const auto& family : families) std::cout << family << "\n";
  return 0;
}

int list_hooks(const SimpleOptions& options) {
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

constexpr const char* kHelp = R"(lensbench list tools|experiments|families|hooks [--json]

  tools, experiments   what the plug-ins offer, with parameters and defaults
                       (--plugin-dir DIR to look there first)
  families             model families this build can open
  hooks                hook points of a model (--model DIR), with their dimensions and other names
)";

}  // namespace

int list_command(const Arguments& arguments) {
  const SimpleOptions options("list", arguments,
                              {{"plugin-dir", SimpleOptions::many}, {"model", SimpleOptions::one}},
                              {"json"});
  if (options.flag("help")) {
    std::cout << kHelp;
    return 0;
  }
  const auto& what = options.only_positional("tools, experiments, families or hooks");
  if (what == "tools") return list_entries(PluginEntryKind::tool, options);
  if (what == "experiments") return list_entries(PluginEntryKind::experiment, options);
  if (what == "families") return list_families(options);
  if (what == "hooks") return list_hooks(options);
  throw UsageError("list: no '" + what + "'" +
                   suggest(what, {"tools", "experiments", "families", "hooks"}));
}

}  // namespace lensbench::cli
