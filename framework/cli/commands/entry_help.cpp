#include "cli/commands/entry_help.hpp"

#include "bench/access/slot_access.hpp"
#include "bench/plugin_handles.hpp"
#include "core/parameters/picture_parameters.hpp"
#include "core/text/suggest.hpp"
#include "report/terminal/text.hpp"

namespace lensbench::cli {
namespace {

void add_lines(std::string& text, const std::string& paragraph, int width, int indent) {
  for (const auto& line : terminal::wrap(paragraph, width - indent))
    text += std::string(static_cast<std::size_t>(indent), ' ') + line + "\n";
}

/// Parameters in the form in which they are given, with their meaning indented on the next lines.
void add_parameters(std::string& text, const PluginInfo& entry, int width) {
  if (entry.parameters.empty()) {
    text += "\nNo parameters.\n";
    return;
  }
  text += "\nParameters (--set KEY=VALUE):\n";
  for (const auto& p : entry.parameters) {
    add_lines(text, parameter_text(p), width, 2);
    add_lines(text, p.help, width, 6);
  }
}

/// Settings that are not the entry's own.
void add_picture_settings(std::string& text, int width) {
  text += "\nSettings of pictures, for models with a vision tower (--set KEY=VALUE):\n";
  for (const auto& parameter : picture_parameters())
    add_lines(text, parameter_text(parameter), width, 2);
}

void add_results(std::string& text, const PluginInfo& entry, int width) {
  if (entry.results.empty()) return;
  text += "\nResults (variables; optional ones depend on parameters or the model):\n";
  for (const auto& result : entry.results) {
    add_lines(text, result_text(result) + (result.always ? "" : ", optional"), width, 2);
    add_lines(text, result.meaning, width, 6);
  }
}

/// What a parameter is by default, as it can be typed; in parentheses what cannot be. In a text,
/// `none` would be that word.
std::string default_text(const ParameterInfo& p) {
  if (p.required) return "(must be set)";
  if (!p.default_value.empty()) return p.default_value;
  return p.type == ParameterType::text ? "(not set)" : "none";
}

}  // namespace

std::string result_text(const ResultInfo& result) {
  // Dimensions are declared as words with blanks; `*` means that they depend on the input.
  std::string dims = result.dims == "*" ? "any dimensions" : result.dims;
  for (std::size_t at = 0; result.dims != "*" && (at = dims.find(' ', at)) != std::string::npos;
       at += 2)
    dims.replace(at, 1, ", ");
  std::string text = result.name;
  if (!dims.empty()) text += " [" + dims + "]";
  return result.units == "1" || result.units.empty() ? text : text + " in " + result.units;
}

std::string parameter_text(const ParameterInfo& p) {
  const bool has_units = !p.units.empty() && p.units != "1";
  return p.name + " = " + default_text(p) + " (" + expectation(p) +
         (has_units ? ", in " + p.units : "") + ")";
}

/// The slots of an experiment exist once it was constructed: this is the only way to know them, and
/// it runs code of the plug-in.
std::vector<std::string> declared_tools(const PluginHost& host, const PluginInfo& experiment) {
  std::vector<std::string> tools;
  const auto instance = create_experiment(host, experiment.name);
  for (const ToolSlot* slot : SlotAccess::slots(*instance))
    tools.push_back(SlotAccess::tool_name(*slot));
  return tools;
}

std::string entry_help(const PluginHost& host, PluginEntryKind kind, const std::string& name,
                       int width) {
  const auto& entry = host.find(kind, name);
  std::string text = "\n";
  add_lines(text, name + " " + entry.version + ": " + entry.summary, width, 0);
  if (kind == PluginEntryKind::experiment)
    add_lines(text, "Tools it uses: " + join(declared_tools(host, entry), ", "), width, 0);
  add_parameters(text, entry, width);
  add_picture_settings(text, width);
  add_results(text, entry, width);
  return text;
}

std::string example_of(const PluginHost& host, PluginEntryKind kind, const std::string& name) {
  const PluginInfo& entry = host.find(kind, name);
  const bool is_tool = kind == PluginEntryKind::tool;
  std::string command =
      std::string("lensbench ") + (is_tool ? "tool " : "run ") + name + " --model DIR";
  if (!is_tool || create_tool(host, name)->reads_prompts()) command += " --prompt TEXT";
  for (const ParameterInfo& parameter : entry.parameters)
    if (parameter.required) command += " --set " + parameter.name + "=VALUE";
  return command;
}

}  // namespace lensbench::cli
