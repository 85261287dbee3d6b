#pragma once

#include <string>
#include <vector>

namespace lensbench::cli {

using Arguments = std::vector<std::string>;

/// Kind of a value, for the checks of the parser and the suggestions of completion.
enum class Values {
  any,
  count,       ///< a whole number from 0
  file,        ///< a path to read or write
  directory,   ///< a folder
  archive,     ///< an `.h5` file
  tool,        ///< the name of a tool
  experiment,  ///< the name of an experiment
  entry,       ///< the name of either
  setting,     ///< KEY=VALUE, a parameter of the tool or experiment
};

/// An option `--name VALUE`, or a flag.
struct Option {
  std::string name;
  std::string argument;  ///< name of the value in help, `DIR`; empty for a flag
  std::string help;
  Values values = Values::any;
  std::vector<std::string> words = {};  ///< allowed values; empty: any
  std::string initial = {};             ///< value if the option is not given
  bool repeats = false;
  bool required = false;
  char letter = '\0';

  bool is_flag() const { return argument.empty(); }
};

/// Positional argument: A and B in `lensbench diff A B`.
struct Operand {
  std::string name;  ///< `FILE`
  std::string what;  ///< `an archive`, for messages
  Values values = Values::any;
  std::vector<std::string> words = {};
  bool optional = false;  ///< may be left out; only the last operands can be optional
  bool repeats = false;   ///< further arguments are operands of this kind; only the last one can
};

struct Example {
  std::string command, meaning;
};

/// A command. The parser, `--help`, shell completion and the manual page are generated from it.
struct Command {
  std::string name;         ///< `run`, or two words such as `model info`
  std::string group;        ///< heading in `lensbench --help`
  std::string summary;      ///< purpose in a few words
  std::string usage = {};   ///< usage after the name; empty: operands and `[options]`
  std::string description;  ///< paragraphs between empty lines; one that starts with blanks is
                            ///< printed without wrapping
  std::vector<Operand> operands = {};
  std::vector<Option> options = {};  ///< in addition to `--help`, which every command has
  std::vector<Example> examples = {};
  /// True if `--help` adds a description of the tool or experiment that an operand names.
  bool more_help = false;
};

}  // namespace lensbench::cli
