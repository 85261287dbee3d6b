#pragma once

#include <lensbench/export.hpp>
#include <string>

#include "cli/parse/options.hpp"
#include "cli/shell/help.hpp"

namespace lensbench::cli {

/// Function that runs a command of the table.
struct Action {
  const char* command;         ///< name of the command in the table
  int (*run)(const Options&);  ///< returns the exit code
  /// What `--help` adds if an operand names an entry of a plug-in.
  EntryHelp (*more_help)(const Options&) = nullptr;
};

/// Action of a command; every command has one except those that `run_command_line` runs itself.
const Action& action_of(const Command& command);

/// Runs the command, or prints its help with the text of a plug-in. \return the exit code
int carry_out(const Options& options);

// Each function is in the file of its command. They throw the exceptions of lensbench/error.hpp.
int run_experiment(const Options& options);
EntryHelp experiment_help(const Options& options);
int run_tool(const Options& options);
EntryHelp tool_help(const Options& options);
int run_plan(const Options& options);
EntryHelp plan_help(const Options& options);
int run_seal(const Options& options);
int run_finish(const Options& options);
int run_serve(const Options& options);
int run_grade(const Options& options);
int run_plant(const Options& options);
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
int run_report(const Options& options);
int run_plot(const Options& options);
int run_new(const Options& options);
/// Runs `lensbench completion names`.
int run_completion_names(const Options& options);

}  // namespace lensbench::cli

/// Entry point of the library for the small program `lensbench` (cli/main.cpp): runs the words
/// after the program's name. \return the exit code
extern "C" LENSBENCH_API int lensbench_command_line(int argc, char** argv);
