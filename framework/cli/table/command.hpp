#pragma once

#include <string>
#include <vector>

namespace lensbench::cli {

using Arguments = std::vector<std::string>;

/// What a value is: what the parser checks and what completion offers.
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

/// `--name VALUE`, or a flag.
struct Option {
  std::string name;
  std::string argument;  ///< `DIR`, as help shows it; empty for a flag
  std::string help;
  Values values = Values::any;
  std::vector<std::string> words = {};  ///< the only values it takes; empty: any
  std::string initial = {};             ///< its value when it is not given
  bool repeats = false;
  bool required = false;
  char letter = '\0';

  bool is_flag() const { return argument.empty(); }
};

/// What stands free, in its place: `lensbench diff A B`.
struct Operand {
  std::string name;  ///< `FILE`
  std::string what;  ///< `an archive`, for messages
  Values values = Values::any;
  std::vector<std::string> words = {};
};

struct Example {
  std::string command, meaning;
};

/// One command. The parser, `--help`, shell completion and the manual page are all made from this.
struct Command {
  std::string name;         ///< `run`; `model info` for one of several that share a word
  std::string group;        ///< under which heading `lensbench --help` lists it
  std::string summary;      ///< what it is for, in a few words
  std::string usage = {};   ///< what follows the name; empty: the operands and `[options]`
  std::string description;  ///< paragraphs between empty lines; one that begins with blanks is kept
                            ///< as it stands
  std::vector<Operand> operands = {};
  std::vector<Option> options = {};  ///< beside `--help`, which every command has
  std::vector<Example> examples = {};
  /// Whether `--help` says more where an operand names a plug-in's tool or experiment.
  bool more_help = false;
};

}  // namespace lensbench::cli
