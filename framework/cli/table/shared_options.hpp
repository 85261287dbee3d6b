#pragma once

#include <string>
#include <vector>

#include "cli/table/command.hpp"

namespace lensbench::cli {

/// `--help`, which every command has.
const Option& help_option();
// Options with the same meaning in every command.
Option model_option();
Option plugin_dir_option();
Option threads_option();
Option json_option(const std::string& what);
/// Element types that a model can compute in.
Option dtype_option();
/// Options of `run`, `tool` and `tokenize` that give pictures to prompts.
std::vector<Option> picture_options();
/// `--set` of commands that take settings of pictures alone.
Option picture_set_option();
/// Options of `run` and `tool`.
std::vector<Option> run_options();
/// Options of `run`, `tool`, `list` and `replay` that select plug-ins.
std::vector<Option> plugin_options();

}  // namespace lensbench::cli
