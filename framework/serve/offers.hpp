#pragma once

#include <lensbench/model.hpp>
#include <nlohmann/json.hpp>
#include <vector>

#include "session/plugin_search.hpp"

namespace lensbench::serve {

/// Tools that a page can ask about one prompt: those that read prompts, need no parameter that must
/// be set, and whose results have a picture. Those that say what the model would choose at each
/// layer come first, and of these the ones without a parameter for a file. All are loaded, before
/// that in child processes; so this is called while the process is small. \param warn  receives the
/// reasons why libraries are left out
std::vector<const PluginInfo*> prompt_tools(PluginHost& host, const Warn& warn);

/// Those of the tools that can analyse the model.
std::vector<const PluginInfo*> tools_for(const PluginHost& host,
                                         const std::vector<const PluginInfo*>& tools,
                                         const Model& model);

/// Names, summaries and parameters of tools, for a form.
nlohmann::json describe_tools(const std::vector<const PluginInfo*>& tools);

}  // namespace lensbench::serve
