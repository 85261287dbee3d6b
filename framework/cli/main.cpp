#include <c10/util/Exception.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <lensbench/error.hpp>
#include <map>

#include "cli/commands.hpp"
#include "cli/guard.hpp"
#include "core/suggest.hpp"
#include "core/version.hpp"

namespace {

using lensbench::cli::Arguments;

constexpr const char* kHelp = R"(lensbench: a benchmark framework for transformer interpretability

  lensbench run EXPERIMENT --model DIR --prompt TEXT   run an experiment, write an archive
  lensbench tool TOOL --model DIR --prompt TEXT        run one tool, no experiment needed
  lensbench list tools|experiments|families|hooks      what is there
  lensbench model info DIR                             what a checkpoint is
  lensbench model init --config FILE DIR               an untrained model of any family
  lensbench tokenize --model DIR --prompt TEXT         ids and texts of a prompt
  lensbench show FILE                                  what an archive holds
  lensbench verify FILE                                whether it is as it was written
  lensbench replay FILE                                ask again, and compare the answers
  lensbench diff A B                                   where two runs part
  lensbench versions EXPERIMENT                        its archives, and what changed between them
  lensbench export FILE RESULTS/VARIABLE               as json, csv or npz
  lensbench new tool|experiment NAME                   a project for one of your own

  lensbench COMMAND --help        options of a command
  lensbench tool TOOL --help      parameters of a tool (same for run EXPERIMENT)
  lensbench --version

First steps, with the embedded model:
  lensbench tool logit_lens --model models/kjv-gpt2 --prompt "And the LORD spake unto Moses,"

Data goes to stdout, words and progress to stderr. Exit codes: 0 done; 1 the answer is no (a
receipt failed); 2 wrong usage; 3 invalid input; 4 a plug-in is missing or refused; 5 the run
failed.
)";

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

/// The command in a child process: it reads files that anybody may have made.
std::function<int(const Arguments&)> isolated(int (*command)(const Arguments&)) {
  return [command](const Arguments& rest) {
    const std::string subject = rest.empty() ? "archive" : rest.front();
    return lensbench::cli::in_child(subject,
                                    [&] { return report_errors([&] { return command(rest); }); });
  };
}

int dispatch(const std::string& command, const Arguments& rest) {
  using namespace lensbench::cli;
  const std::map<std::string, std::function<int(const Arguments&)>> commands = {
      {"run", run_experiment_command},
      {"tool", run_tool_command},
      {"list", list_command},
      {"model", model_command},
      {"tokenize", tokenize_command},
      {"new", new_command},
      {"replay", replay_command},
      {"show", isolated(show_command)},
      {"verify", isolated(verify_command)},
      {"diff", isolated(diff_command)},
      {"versions", isolated(versions_command)},
      {"export", isolated(export_command)}};
  const auto found = commands.find(command);
  if (found != commands.end()) return found->second(rest);
  std::vector<std::string> names;
  for (const auto& [name, function] : commands) names.push_back(name);
  throw lensbench::UsageError("no command '" + command + "'" + lensbench::suggest(command, names));
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argv + 1, argv + argc);
  if (arguments.empty()) {
    std::cerr << kHelp;
    return 2;
  }
  if (arguments[0] == "--help" || arguments[0] == "-h" || arguments[0] == "help") {
    std::cout << kHelp;
    return 0;
  }
  if (arguments[0] == "--version") {
    const auto build = lensbench::build_info();
    std::cout << "lensbench " << build.version << " (" << build.git_commit << ", " << build.compiler
              << ", " << build.build_type << ")\n";
    return 0;
  }
  return report_errors([&] {
    return dispatch(arguments[0], {arguments.begin() + 1, arguments.end()});
  });
}
