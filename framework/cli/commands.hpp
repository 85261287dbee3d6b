#pragma once

#include <string>
#include <vector>

namespace lensbench::cli {

using Arguments = std::vector<std::string>;

/// Each takes what follows its name on the command line and returns the exit code.
int run_experiment_command(const Arguments& arguments);
int run_tool_command(const Arguments& arguments);
int list_command(const Arguments& arguments);
int model_command(const Arguments& arguments);
int tokenize_command(const Arguments& arguments);
int show_command(const Arguments& arguments);
int verify_command(const Arguments& arguments);
int replay_command(const Arguments& arguments);
int diff_command(const Arguments& arguments);
int versions_command(const Arguments& arguments);
int export_command(const Arguments& arguments);
int new_command(const Arguments& arguments);

}  // namespace lensbench::cli
