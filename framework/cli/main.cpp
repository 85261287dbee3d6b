#include <c10/util/Exception.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <iostream>
#include <lensbench/error.hpp>

#include "cli/commands.hpp"
#include "cli/guard.hpp"
#include "cli/help.hpp"
#include "cli/options.hpp"
#include "core/suggest.hpp"
#include "core/version.hpp"

namespace {

using lensbench::cli::Arguments;
using lensbench::cli::Command;
using lensbench::cli::Options;

int report_errors(const std::function<int()>& work) {
  try {
    const int code = work();
    std::cout.flush();
    if (!std::cout) throw lensbench::RunError("standard output could not be written");
    return code;
  } catch (const lensbench::Error& error) {
    std::cerr << "lensbench: " << error.what() << "\n";
    return error.exit_code();
  } catch (const c10::Error& error) {
    std::cerr << "lensbench: libtorch: " << error.what_without_backtrace() << "\n";
  } catch (const std::bad_alloc&) {
    std::cerr << "lensbench: out of memory\n";
  } catch (const std::exception& error) {
    std::cerr << "lensbench: " << error.what() << "\n";
  }
  return 5;
}

/// A command that reads files that anybody may have made runs in a child process.
int run(const Command& command, const Options& options) {
  if (!command.reads_archives) return command.run(options);
  return lensbench::cli::in_child(
      options.operand(0), [&] { return report_errors([&] { return command.run(options); }); });
}

int run_or_help(const Command& command, const Arguments& rest) {
  const Options options(command, rest);
  if (!options.flag("help")) return run(command, options);
  std::cout << lensbench::cli::command_help(options, lensbench::cli::help_width());
  return 0;
}

/// The command whose name the arguments begin with.
const Command* find_command(const Arguments& arguments) {
  for (const auto& command : lensbench::cli::commands()) {
    const bool two = arguments.size() > 1 && command.name == arguments[0] + " " + arguments[1];
    if (two || command.name == arguments[0]) return &command;
  }
  return nullptr;
}

/// \param word  what is no command; \param rest  what follows it
int no_command(const std::string& word, const Arguments& rest) {
  const auto& all = lensbench::cli::commands();
  const auto parts = lensbench::cli::parts_of(all, word);
  if (word.starts_with('-'))
    throw lensbench::UsageError("'" + word +
                                "' is no option of lensbench itself; a command comes "
                                "first (see lensbench --help)");
  if (parts.empty())
    throw lensbench::UsageError("no command '" + word + "'" +
                                lensbench::suggest(word, lensbench::cli::first_words(all)));
  if (!rest.empty() && rest[0] != "--help" && rest[0] != "-h")
    throw lensbench::UsageError(word + ": no '" + rest[0] + "'" +
                                lensbench::suggest(rest[0], parts));
  (rest.empty() ? std::cerr : std::cout)
      << lensbench::cli::family_help(word, lensbench::cli::help_width());
  return rest.empty() ? 2 : 0;
}

int dispatch(const Arguments& arguments) {
  const Command* command = find_command(arguments);
  if (command == nullptr) return no_command(arguments[0], {arguments.begin() + 1, arguments.end()});
  const auto words = std::count(command->name.begin(), command->name.end(), ' ') + 1;
  return run_or_help(*command, {arguments.begin() + words, arguments.end()});
}

int print_version() {
  const auto build = lensbench::build_info();
  std::cout << "lensbench " << build.version << " (" << build.git_commit << ", " << build.compiler
            << ", " << build.build_type << ")\n";
  return 0;
}

bool asks_for_help(const std::string& word) {
  return word == "--help" || word == "-h" || word == "help";
}

int answer(Arguments arguments) {
  if (arguments[0] == "--version") return print_version();
  // `lensbench help run` is `lensbench run --help`.
  if (asks_for_help(arguments[0])) {
    if (arguments.size() == 1) {
      std::cout << lensbench::cli::overview(lensbench::cli::help_width());
      return 0;
    }
    arguments.erase(arguments.begin());
    arguments.push_back("--help");
  }
  return dispatch(arguments);
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argv + 1, argv + argc);
  if (arguments.empty()) {
    std::cerr << lensbench::cli::overview(lensbench::cli::help_width());
    return 2;
  }
  return report_errors([&] { return answer(arguments); });
}
