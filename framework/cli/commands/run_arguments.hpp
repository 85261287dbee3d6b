#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/parse/options.hpp"
#include "session/joint/shard.hpp"
#include "session/run_request.hpp"

namespace lensbench::cli {

/// What the command line says about pictures.
struct PictureArguments {
  std::vector<std::string> images = {};       ///< pictures of every prompt
  std::vector<std::string> raw_prompts = {};  ///< whole texts
  std::optional<std::string> answer_prefix = std::nullopt;
  std::string folder = {};  ///< one case for each of its pictures; empty: none
};

/// Arguments of `run` and `tool`: a request, its cases, and settings of the output.
struct RunArguments {
  RunRequest request;
  std::vector<std::string> prompts, ids;
  std::string prompts_file;
  PictureArguments pictures;
  std::string out;             ///< empty: a new name under results/
  std::optional<Shard> shard;  ///< the part of the run that is asked for; empty: all of it
  bool progress_json = false;  ///< print a JSON line on stderr for every finished case
  bool quiet = false, json = false;
};

/// \throws UsageError for parameters that are not KEY=VALUE; InputError for interventions that
///   cannot be read
RunArguments run_arguments(PluginEntryKind kind, const Options& options);

/// Reads `picture_options`.
PictureArguments picture_arguments(const Options& options);

/// Reads `plugin_options`. \throws UsageError for a malformed pin
PluginSearch plugin_search(const Options& options);

/// Reads --threads. \throws UsageError for too many threads
std::int64_t thread_count(const Options& options);

/// Parses KEY=VALUE texts. \throws UsageError for malformed ones
void add_setting(std::map<std::string, std::string>& settings, const std::string& assignment);

}  // namespace lensbench::cli
