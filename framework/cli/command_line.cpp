#include "cli/command_line.hpp"

#include <algorithm>
#include <iostream>
#include <lensbench/error.hpp>

#include "cli/parse/options.hpp"
#include "cli/report_errors.hpp"
#include "cli/shell/completion.hpp"
#include "cli/shell/describe.hpp"
#include "cli/shell/help.hpp"
#include "cli/table/commands.hpp"
#include "core/text/suggest.hpp"
#include "core/version.hpp"

namespace lensbench::cli {
namespace {

using Rest = std::function<int(const Options&)>;

/// Output of a command that only needs the table; empty for all others.
std::string description(const Options& options) {
  if (options.command().name == "man") return manual_page();
  if (options.command().name != "completion") return "";
  const auto& shell = options.operand(0);
  if (shell == "bash") return bash_completion(commands());
  return shell == "zsh" ? zsh_completion(commands()) : "";
}

/// Answers from the table where it can; `rest` loads libtorch and is the last resort. Help with the
/// text of a plug-in needs `rest` as well.
int run_or_help(const Command& command, const Arguments& words, const Rest& rest) {
  const Options options(command, words);
  std::string text;
  if (!options.flag("help"))
    text = description(options);
  else if (!command.more_help || options.operand(0).empty())
    text = command_help(options, {}, help_width());
  if (text.empty()) return rest(options);
  std::cout << text;
  return 0;
}

/// Command whose name the arguments begin with; a name has one or two words.
const Command* find_command(const Arguments& arguments) {
  for (const auto& command : commands()) {
    const bool two = arguments.size() > 1 && command.name == arguments[0] + " " + arguments[1];
    if (two || command.name == arguments[0]) return &command;
  }
  return nullptr;
}

/// Help of a family for `lensbench model`, or an error with the nearest command. \return 2 if the
/// words are not a complete request, 0 for its `--help` \param word  the unknown command
int no_command(const std::string& word, const Arguments& rest) {
  const auto& all = commands();
  const auto parts = parts_of(all, word);
  if (word.starts_with('-'))
    throw UsageError("'" + word +
                     "' is not an option of lensbench itself; give a command first (see lensbench "
                     "--help)");
  if (parts.empty())
    throw UsageError("unknown command '" + word + "'" + suggest(word, first_words(all)));
  if (!rest.empty() && rest[0] != "--help" && rest[0] != "-h")
    throw UsageError(word + ": unknown word '" + rest[0] + "'" + suggest(rest[0], parts));
  // Help that was asked for is data on stdout; as a complaint it belongs on stderr.
  (rest.empty() ? std::cerr : std::cout) << family_help(word, help_width());
  return rest.empty() ? 2 : 0;
}

int dispatch(const Arguments& arguments, const Rest& rest) {
  const Command* command = find_command(arguments);
  if (command == nullptr) return no_command(arguments[0], {arguments.begin() + 1, arguments.end()});
  const auto words = std::count(command->name.begin(), command->name.end(), ' ') + 1;
  return run_or_help(*command, {arguments.begin() + words, arguments.end()}, rest);
}

int print_version() {
  const auto build = build_info();
  std::cout << "lensbench " << build.version << " (" << build.git_commit << ", " << build.compiler
            << ", " << build.build_type << ")\n";
  return 0;
}

bool asks_for_help(const std::string& word) {
  return word == "--help" || word == "-h" || word == "help";
}

/// Handles what applies to the program itself; the rest is a command.
int answer(Arguments arguments, const Rest& rest) {
  if (arguments[0] == "--version") return print_version();
  // `lensbench help run` is `lensbench run --help`.
  if (asks_for_help(arguments[0])) {
    if (arguments.size() == 1) {
      std::cout << overview(help_width());
      return 0;
    }
    arguments.erase(arguments.begin());
    arguments.push_back("--help");
  }
  return dispatch(arguments, rest);
}

}  // namespace

int run_command_line(const Arguments& arguments, const Rest& rest) {
  // Without arguments, the overview is a complaint: a script that lost its arguments must not
  // succeed.
  if (arguments.empty()) {
    std::cerr << overview(help_width());
    return 2;
  }
  return report_errors([&] { return answer(arguments, rest); });
}

}  // namespace lensbench::cli
