#pragma once

#include "cli/table/command.hpp"

namespace lensbench::cli {

/// All commands, in the order of help.
const std::vector<Command>& commands();

/// First words of command names, each once: `run`, `model`.
std::vector<std::string> first_words(const std::vector<Command>& all);
/// First words that a second word follows: `model`.
std::vector<std::string> family_words(const std::vector<Command>& all);
/// Second words after a first word: `info`, `init` after `model`.
std::vector<std::string> parts_of(const std::vector<Command>& all, const std::string& word);

// Each command is defined in the file of its name.
Command run_command();
Command tool_command();
Command plan_command();
Command seal_command();
Command finish_command();
Command serve_command();
Command grade_command();
Command plant_command();
Command list_command();
Command tokenize_command();
Command model_info_command();
Command model_init_command();
Command show_command();
Command verify_command();
Command replay_command();
Command diff_command();
Command versions_command();
Command export_command();
Command report_command();
Command plot_command();
Command new_command();
Command completion_command();
Command man_command();

}  // namespace lensbench::cli
