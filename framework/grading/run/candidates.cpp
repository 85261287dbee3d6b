#include "grading/run/candidates.hpp"

#include <lensbench/error.hpp>

#include "bench/plugin_handles.hpp"
#include "grading/run/graded_settings.hpp"

namespace lensbench::grading {
namespace {

/// Settings that the request adds, where the tool declares them.
Settings own_settings(const PluginInfo& tool, const Settings& set) {
  Settings own;
  for (const auto& [name, value] : set)
    for (const ParameterInfo& parameter : tool.parameters)
      if (parameter.name == name) own[name] = value;
  return own;
}

std::vector<const PluginInfo*> chosen_tools(const PluginHost& host,
                                            const std::vector<std::string>& names) {
  std::vector<const PluginInfo*> tools;
  tools.reserve(names.size());
  for (const std::string& name : names) tools.push_back(&host.find(PluginEntryKind::tool, name));
  if (names.empty())
    for (const PluginInfo& entry : host.entries())
      if (entry.kind == PluginEntryKind::tool) tools.push_back(&entry);
  return tools;
}

/// A name that no tool has is a mistake of the request.
void check_names(const std::vector<Candidate>& candidates, const Settings& set,
                 const std::map<std::string, std::string>& bind) {
  const auto require = [&](const std::string& name, const char* option) {
    for (const Candidate& candidate : candidates)
      for (const ParameterInfo& parameter : candidate.tool->parameters)
        if (parameter.name == name) return;
    throw UsageError(std::string("grade: ") + option + " names the parameter '" + name +
                     "', which none of the graded tools has; correct the name");
  };
  for (const auto& [name, value] : set) require(name, "--set");
  for (const auto& [name, field] : bind) {
    require(name, "--bind");
    field_text(PromptPair(), field);
  }
}

}  // namespace

std::vector<Candidate> candidates_of(const PluginHost& host, const GradeRequest& request) {
  std::vector<Candidate> candidates;
  for (const PluginInfo* tool : chosen_tools(host, request.tools)) {
    // Libraries are tried in a child process, which forks safely before there are threads.
    create_tool(host, tool->name);
    const std::string subject = "tool '" + tool->name + "'";
    std::vector<std::string> texts = tool->graded_settings;
    if (texts.empty()) texts.emplace_back();
    for (const std::string& text : texts) {
      Candidate candidate{tool, text, parse_settings(text, subject)};
      for (const auto& [name, value] : own_settings(*tool, request.set)) {
        candidate.settings[name] = value;
        candidate.settings_text +=
            (candidate.settings_text.empty() ? "" : ",") + name + "=" + value;
      }
      candidates.push_back(std::move(candidate));
    }
  }
  check_names(candidates, request.set, request.bind);
  return candidates;
}

}  // namespace lensbench::grading
