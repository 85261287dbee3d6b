#pragma once

#include <lensbench/parameters.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/plugin_host.hpp"

namespace lensbench::serve {

/// What a page asks: one tool, one prompt.
struct Question {
  std::string tool, prompt;
  Settings parameters;
};

/// Whether a page may set a parameter. Parameters that name files and models are left to the
/// command line, so that a page cannot make the server read a file.
bool can_be_set(const ParameterInfo& parameter);

/// Reads the body of a request: `{"tool": …, "prompt": …, "parameters": {NAME: TEXT}}`.
/// \param tools  the tools that may be asked
/// \throws InputError for a body of another form; UsageError for an unknown tool or parameter, a
///   parameter that a page may not set, or an empty prompt
Question read_question(std::string_view body, const std::vector<const PluginInfo*>& tools);

}  // namespace lensbench::serve
