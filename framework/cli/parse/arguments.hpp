#pragma once

#include <cstdint>
#include <lensbench/intervention.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/parse/options.hpp"
#include "cli/parse/plugin_options.hpp"

namespace lensbench::cli {

/// Options of `run` and `tool`.
struct RunArguments {
  std::string name;  ///< of the experiment or tool
  std::string model;
  std::vector<std::string> prompts, ids;
  std::string prompts_file;
  std::vector<Intervention> interventions;  ///< of the file that --interventions names
  std::map<std::string, std::string> set;
  PluginArguments plugins;
  std::string out;
  std::string dtype, device;
  std::int64_t threads = 0;  ///< 0: as libtorch chooses
  std::uint64_t seed = 0;
  bool progress_json = false;  ///< a JSON line on stderr for every case that is over
  bool resume = false, profile = false, quiet = false, json = false, help = false;
  bool share = true;                 ///< activations between the tools of a case
  std::optional<ConfigFile> config;  ///< what --config named
};

/// The options that `run` and `tool` have.
std::vector<Option> run_options();

/// \throws UsageError for parameters that are not KEY=VALUE; InputError for interventions that
///   cannot be read
RunArguments run_arguments(const Options& options);

Option dtype_option();

/// \throws UsageError for a device that is none, or that this libtorch lacks
ModelOptions model_options(const std::string& dtype, const std::string& device);

/// \throws UsageError for more threads than can be
std::int64_t thread_count(const Options& options);

/// `KEY=VALUE` -> entry. \throws UsageError
void add_setting(std::map<std::string, std::string>& settings, const std::string& assignment);

}  // namespace lensbench::cli
