#include "cli/commands/list/list_entries.hpp"

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands/entry_help.hpp"
#include "cli/commands/run_arguments.hpp"
#include "cli/commands/run_messages.hpp"
#include "cli/shell/help.hpp"
#include "core/text/suggest.hpp"
#include "report/terminal/text.hpp"

namespace lensbench::cli {
namespace {

using nlohmann::json;

/// A tool that an experiment declares; nullptr if it is not loaded.
struct DeclaredTool {
  std::string name;
  const PluginInfo* tool = nullptr;
};

struct Listed {
  const PluginInfo* entry;
  std::vector<DeclaredTool> tools;
  std::string problem = {};  ///< reason why the experiment cannot be created
};

const PluginInfo* tool_named(const PluginHost& host, const std::string& name) {
  for (const auto& entry : host.entries())
    if (entry.kind == PluginEntryKind::tool && entry.name == name) return &entry;
  return nullptr;
}

/// Constructing an experiment is the only way to learn its tools. If that fails, the entry is
/// listed with the reason instead of ending the list.
Listed look_at(const PluginHost& host, const PluginInfo& entry) {
  Listed listed{&entry, {}};
  if (entry.kind != PluginEntryKind::experiment) return listed;
  try {
    for (auto& name : declared_tools(host, entry))
      listed.tools.push_back({name, tool_named(host, name)});
  } catch (const PluginError& error) {
    listed.problem = error.what();
  }
  return listed;
}

json parameters_json(const PluginInfo& entry) {
  json parameters = json::array();
  for (const auto& p : entry.parameters)
    parameters.push_back({{"name", p.name},
                          {"type", describe(p.type)},
                          {"default", p.default_value},
                          {"required", p.required},
                          {"units", p.units},
                          {"allowed", p.allowed_values()},
                          {"needs_items", p.needs_items()},
                          {"help", p.help}});
  return parameters;
}

std::string api_text(const PluginInfo& entry) {
  return std::to_string(entry.api[0]) + "." + std::to_string(entry.api[1]);
}

/// Declared results, which exist before a run; `always` is false for those that depend on options.
json results_json(const PluginInfo& entry) {
  json results = json::array();
  for (const auto& r : entry.results)
    results.push_back({{"name", r.name},
                       {"dims", r.dims},
                       {"units", r.units},
                       {"meaning", r.meaning},
                       {"view", to_string(r.view)},
                       {"always", r.always}});
  return results;
}

json to_json(const Listed& listed) {
  const PluginInfo& entry = *listed.entry;
  json item = {{"name", entry.name},
               {"version", entry.version},
               {"summary", entry.summary},
               {"plugin", entry.plugin},
               {"path", entry.path.string()},
               {"sha256", entry.sha256},
               {"api", api_text(entry)},
               {"results", results_json(entry)},
               {"parameters", parameters_json(entry)}};
  // Only experiments have the members about tools, so that scripts can tell the kinds apart.
  if (entry.kind != PluginEntryKind::experiment) return item;
  json names = json::array(), declared = json::array();
  for (const auto& [name, tool] : listed.tools) {
    names.push_back(name);
    declared.push_back({{"name", name}, {"available", tool != nullptr}});
    if (tool != nullptr) {
      declared.back()["version"] = tool->version;
      declared.back()["summary"] = tool->summary;
      declared.back()["parameters"] = parameters_json(*tool);
    }
  }
  item["tools"] = names;
  item["declared_tools"] = declared;
  if (!listed.problem.empty()) item["problem"] = listed.problem;
  return item;
}

/// Parameters as text: `top_k = 5 (an integer, in tokens); target = next (text)`.
std::string parameters_text(const PluginInfo& entry) {
  std::vector<std::string> all;
  for (const auto& p : entry.parameters) all.push_back(parameter_text(p));
  return all.empty() ? "no parameters" : join(all, "; ");
}

/// Results as text: `top_id [layer, token, rank]; entropy [layer, token] in nats`.
std::string results_text(const PluginInfo& entry) {
  std::vector<std::string> all;
  for (const auto& result : entry.results) all.push_back(result_text(result));
  return join(all, "; ");
}

void print(const std::string& text, int indent) {
  const std::string margin(static_cast<std::size_t>(indent), ' ');
  for (const auto& line : terminal::wrap(text, help_width() - indent))
    std::cout << margin << line << "\n";
}

void print(const Listed& listed) {
  const PluginInfo& entry = *listed.entry;
  std::cout << entry.name << "  " << entry.version << "\n";
  print(entry.summary, 4);
  for (const auto& parameter : entry.parameters) print("--set " + parameter_text(parameter), 4);
  if (!entry.results.empty()) {
    print("results (lensbench tool " + entry.name + " --help explains them):", 4);
    print(results_text(entry), 8);
  }
  if (entry.kind == PluginEntryKind::experiment && listed.problem.empty() && listed.tools.empty())
    print("uses no tools", 4);
  for (const auto& [name, tool] : listed.tools) {
    // A missing tool is not an error of the list, but a run of this experiment would fail.
    print("uses " + name + (tool == nullptr ? ", which is NOT LOADED" : "  " + tool->version), 4);
    if (tool != nullptr) print("with " + parameters_text(*tool), 8);
  }
  std::cout << "    from: " << entry.path.string() << "\n    built for plug-in API "
            << api_text(entry) << "\n    sha256: " << entry.sha256 << "\n";
}

/// Prints refusals and complaints. \return true if there were any
bool say_refusals(const PluginHost& host) {
  for (const auto& refusal : host.refusals())
    std::cerr << "lensbench: refused: " << refusal.message << "\n";
  const auto complaints = host.complaints();
  for (const auto& complaint : complaints) std::cerr << "lensbench: " << complaint << "\n";
  return !host.refusals().empty() || !complaints.empty();
}

}  // namespace

int list_entries(PluginEntryKind kind, const Options& options) {
  const auto plugins = plugin_search(options);
  PluginHost host(plugin_policy(plugins));
  find_plugins(host, plugins, print_warning);
  // A listing must show which libraries are refused; `run` would load only the ones it uses.
  host.try_all();
  // A lock has all libraries, whichever kind was asked for.
  if (options.flag("lock")) {
    std::cout << host.lock().text();
    return say_refusals(host) ? 4 : 0;
  }
  bool whole = true;
  json list = json::array();
  for (const auto& entry : host.entries()) {
    if (entry.kind != kind) continue;
    const Listed listed = look_at(host, entry);
    if (options.flag("json"))
      list.push_back(to_json(listed));
    else
      print(listed);
    if (listed.problem.empty()) continue;
    whole = false;
    std::cerr << "lensbench: " << listed.problem << "\n";
  }
  if (options.flag("json")) std::cout << list.dump(1) << "\n";
  if (say_refusals(host)) whole = false;
  return whole ? 0 : 4;
}

}  // namespace lensbench::cli
