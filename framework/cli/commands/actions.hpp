#pragma once

#include <lensbench/export.hpp>
#include <string>

#include "cli/parse/options.hpp"

namespace lensbench::cli {

/// What carries out a command of the table.
struct Action {
  const char* command;         ///< its name there
  int (*run)(const Options&);  ///< returns the exit code
  /// Text for `--help` between description and options where an operand names a plug-in's entry;
  /// begins with an empty line.
  std::string (*more_help)(const Options&) = nullptr;
};

/// The action of a command; every command has one that `run_command_line` does not answer itself.
LENSBENCH_API const Action& action_of(const Command& command);

/// Runs the command, or prints its help with what a plug-in adds to it. \return the exit code
int carry_out(const Options& options);

// Each is defined in the file of its command. They throw the exceptions of lensbench/error.hpp.
int run_experiment(const Options& options);
std::string experiment_help(const Options& options);
int run_tool(const Options& options);
std::string tool_help(const Options& options);
int run_list(const Options& options);
int run_tokenize(const Options& options);
int run_model_info(const Options& options);
int run_model_init(const Options& options);
int run_show(const Options& options);
int run_verify(const Options& options);
int run_replay(const Options& options);
int run_diff(const Options& options);
int run_versions(const Options& options);
int run_export(const Options& options);
int run_new(const Options& options);
/// `lensbench completion names`.
int run_completion_names(const Options& options);

}  // namespace lensbench::cli

/// The door through which the small program `lensbench` calls this library (cli/main.cpp): runs the
/// words after the program's name. \return the exit code
extern "C" LENSBENCH_API int lensbench_command_line(int argc, char** argv);
