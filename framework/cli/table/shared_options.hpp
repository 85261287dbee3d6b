#pragma once

#include <string>
#include <vector>

#include "cli/table/command.hpp"

namespace lensbench::cli {

/// `--help`, which every command has.
const Option& help_option();
// Options that mean the same in every command that has them.
Option model_option();
Option plugin_dir_option();
Option threads_option();
Option json_option(const std::string& what);
/// Element types that a model can compute in.
Option dtype_option();
/// The options that `run` and `tool` have.
std::vector<Option> run_options();
/// What `run`, `tool`, `list` and `replay` have to say which plug-ins may be loaded.
std::vector<Option> plugin_options();

}  // namespace lensbench::cli
