#include "serve/offers.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/tool.hpp>
#include <utility>

#include "bench/plugin_call.hpp"
#include "bench/plugin_handles.hpp"
#include "serve/question.hpp"

namespace lensbench::serve {
namespace {

bool has_picture(const PluginInfo& tool) {
  return std::any_of(tool.results.begin(), tool.results.end(),
                     [](const ResultInfo& result) { return result.view != View::general; });
}

bool can_be_asked(const PluginInfo& entry) {
  return entry.kind == PluginEntryKind::tool && has_picture(entry) &&
         std::none_of(entry.parameters.begin(), entry.parameters.end(),
                      [](const ParameterInfo& parameter) { return parameter.required; });
}

/// Whether a tool says which tokens the model would choose at each layer.
bool has_lens(const PluginInfo* tool) {
  return std::any_of(tool->results.begin(), tool->results.end(), [](const ResultInfo& result) {
    return result.view == View::heatmap && result.dims == "layer token rank";
  });
}

/// Whether the defaults may be enough for a question: a lens that was trained before is a file.
bool reads_no_file(const PluginInfo* tool) {
  return std::none_of(
      tool->parameters.begin(), tool->parameters.end(),
      [](const ParameterInfo& parameter) { return parameter.type == ParameterType::file; });
}

/// Place in the list of tools, the first one being what a new page asks.
int place_of(const PluginInfo* tool) {
  return (has_lens(tool) ? 0 : 2) + (reads_no_file(tool) ? 0 : 1);
}

nlohmann::json describe_parameter(const ParameterInfo& parameter) {
  return {
      {"name", parameter.name},
      {"help", parameter.help},
      {"units", parameter.units},
      {"default", parameter.default_value},
      {"expected", expectation(parameter)},
      {"words", parameter.type == ParameterType::boolean ? std::vector<std::string>{"true", "false"}
                : parameter.type == ParameterType::choice ? parameter.words()
                                                          : std::vector<std::string>{}}};
}

}  // namespace

std::vector<const PluginInfo*> prompt_tools(PluginHost& host, const Warn& warn) {
  std::vector<const PluginInfo*> tools;
  for (const PluginInfo& entry : host.entries()) {
    if (!can_be_asked(entry)) continue;
    try {
      // If several libraries have one name, the host takes one of them or refuses all.
      if (&host.find(PluginEntryKind::tool, entry.name) != &entry) continue;
      const ToolHandle tool = create_tool(host, entry.name);
      if (call_plugin("whether it reads prompts", [&] { return tool->reads_prompts(); }))
        tools.push_back(&entry);
    } catch (const Error& error) {
      warn("tool '" + entry.name + "' is left out: " + error.what());
    }
  }
  std::stable_sort(tools.begin(), tools.end(), [](const PluginInfo* a, const PluginInfo* b) {
    return std::pair(place_of(a), a->name) < std::pair(place_of(b), b->name);
  });
  return tools;
}

std::vector<const PluginInfo*> tools_for(const PluginHost& host,
                                         const std::vector<const PluginInfo*>& tools,
                                         const Model& model) {
  std::vector<const PluginInfo*> suitable;
  for (const PluginInfo* tool : tools) {
    try {
      call_plugin("tool '" + tool->name + "': its check of the model",
                  [&] { create_tool(host, tool->name)->check_compatible(model); });
      suitable.push_back(tool);
    } catch (const UsageError&) {
      // A tool for another kind of models; lensbench tool gives the reason.
    }
  }
  return suitable;
}

nlohmann::json describe_tools(const std::vector<const PluginInfo*>& tools) {
  nlohmann::json list = nlohmann::json::array();
  for (const PluginInfo* tool : tools) {
    nlohmann::json parameters = nlohmann::json::array();
    for (const ParameterInfo& parameter : tool->parameters)
      if (can_be_set(parameter)) parameters.push_back(describe_parameter(parameter));
    list.push_back(
        {{"name", tool->name}, {"summary", tool->summary}, {"parameters", std::move(parameters)}});
  }
  return list;
}

}  // namespace lensbench::serve
