#pragma once

#include <cstdint>
#include <lensbench/export.hpp>
#include <map>
#include <string>
#include <vector>

#include "cli/parse/options.hpp"
#include "session/run_request.hpp"

namespace lensbench::cli {

/// What `run` and `tool` were given: a request, its cases, and how to answer.
struct RunArguments {
  RunRequest request;
  std::vector<std::string> prompts, ids;
  std::string prompts_file;
  std::string out;             ///< empty: a new name under results/
  bool progress_json = false;  ///< a JSON line on stderr for every case that is over
  bool quiet = false, json = false;
};

/// \throws UsageError for parameters that are not KEY=VALUE; InputError for interventions that
///   cannot be read
LENSBENCH_API RunArguments run_arguments(PluginEntryKind kind, const Options& options);

/// What was given of `plugin_options`. \throws UsageError for a malformed pin
PluginSearch plugin_search(const Options& options);

/// \throws UsageError for more threads than can be
std::int64_t thread_count(const Options& options);

/// `KEY=VALUE` -> entry. \throws UsageError
void add_setting(std::map<std::string, std::string>& settings, const std::string& assignment);

}  // namespace lensbench::cli
