#pragma once

#include <string>

#include "cli/parse/options.hpp"

namespace lensbench::cli {

/// Usage of a command: `lensbench diff A B [options]`.
std::string usage_line(const Command& command);
/// Option with its value's name: `--plugin-dir DIR`, `-h, --help`.
std::string option_label(const Option& option);
/// Meaning of an option, with its default.
std::string option_meaning(const Option& option);
/// Names of a command's operands: `A B`.
std::string operand_names(const Command& command);

/// What an entry of a plug-in adds to the help of a command.
struct EntryHelp {
  std::string text = {};     ///< between description and options; starts with an empty line
  std::string example = {};  ///< command that takes the place of the examples of the command
};

/// Output of `lensbench COMMAND --help`, on lines of `width` cells.
std::string command_help(const Options& options, const EntryHelp& entry, int width);
/// Output of `lensbench --help`.
std::string overview(int width);
/// Help of the commands that start with one word, for `lensbench model`.
std::string family_help(const std::string& word, int width);

/// Splits a text at its empty lines.
std::vector<std::string> split_paragraphs(const std::string& text);

/// Width for help text on standard output.
int help_width();

extern const char* const kExitCodes;

}  // namespace lensbench::cli
