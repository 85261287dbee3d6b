#pragma once

#include <string>

#include "cli/parse/options.hpp"

namespace lensbench::cli {

/// `lensbench diff A B [options]`
std::string usage_line(const Command& command);
/// `--plugin-dir DIR`, `-h, --help`
std::string option_label(const Option& option);
/// What the option is for, with its default.
std::string option_meaning(const Option& option);
/// `A B`: what a command's operands are called.
std::string operand_names(const Command& command);

/// What `lensbench COMMAND --help` prints, on lines of `width` cells.
/// \param more  what a plug-in adds, between the description and the options; may be empty
std::string command_help(const Options& options, const std::string& more, int width);
/// What `lensbench --help` prints.
std::string overview(int width);
/// Of the commands that begin with one word: `lensbench model`.
std::string family_help(const std::string& word, int width);

/// Parts between empty lines.
std::vector<std::string> split_paragraphs(const std::string& text);

/// Width for help text on standard output.
int help_width();

extern const char* const kExitCodes;

}  // namespace lensbench::cli
