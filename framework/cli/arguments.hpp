#pragma once

#include <cstdint>
#include <lensbench/intervention.hpp>
#include <lensbench/model.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace lensbench::cli {

/// Options of `run` and `tool`.
struct RunArguments {
  std::string name;  ///< of the experiment or tool
  std::string model;
  std::vector<std::string> prompts, ids;
  std::string prompts_file;
  std::vector<Intervention> interventions;  ///< of the file that --interventions names
  std::map<std::string, std::string> set;
  std::vector<std::string> plugin_dirs;
  std::string out;
  std::string dtype, device;
  std::int64_t threads = 0;  ///< 0: as libtorch chooses
  std::uint64_t seed = 0;
  bool resume = false, profile = false, quiet = false, json = false, help = false;
};

/// \param command  `run` or `tool`, for messages
/// \param subject  `EXPERIMENT` or `TOOL`
/// \throws UsageError for unknown or repeated options; the config file's keys are checked alike
RunArguments parse_run_arguments(const std::string& command, const std::string& subject,
                                 const std::vector<std::string>& arguments);

/// The option table as help text.
std::string run_options_help();

/// \throws UsageError for a dtype or device that is none, or a device this libtorch lacks
ModelOptions model_options(const std::string& dtype, const std::string& device);

/// `KEY=VALUE` -> entry. \throws UsageError
void add_setting(std::map<std::string, std::string>& settings, const std::string& assignment);

}  // namespace lensbench::cli
