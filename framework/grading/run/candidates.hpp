#pragma once

#include <string>
#include <vector>

#include "grading/run/grade.hpp"
#include "plugin/plugin_host.hpp"

namespace lensbench::grading {

/// A tool with one of its settings.
struct Candidate {
  const PluginInfo* tool = nullptr;
  std::string settings_text;
  Settings settings;
};

/// The tools of a request with their settings; every library is tried.
/// \throws PluginError for an unknown tool; UsageError for a parameter that no tool has
std::vector<Candidate> candidates_of(const PluginHost& host, const GradeRequest& request);

}  // namespace lensbench::grading
