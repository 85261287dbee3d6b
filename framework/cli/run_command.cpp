#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "cli/entry_help.hpp"
#include "cli/environment.hpp"
#include "cli/prompts.hpp"
#include "cli/recipe.hpp"
#include "cli/run_session.hpp"
#include "report/json.hpp"
#include "report/terminal/terminal.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

fs::path archive_path(const RunArguments& arguments) {
  if (!arguments.out.empty()) return arguments.out;
  if (arguments.resume)
    throw UsageError("--resume needs --out FILE, the archive of the run to go on with");
  std::string stamp = utc_now();
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  const std::string name = arguments.name + "-" + model_label(arguments.model) + "-" + stamp;
  fs::path path = fs::path("results") / (name + ".h5");
  for (int i = 2; fs::exists(path) || fs::exists(fs::path(path).replace_extension(".run")); ++i)
    path = fs::path("results") / (name + "-" + std::to_string(i) + ".h5");
  return path;
}

constexpr std::size_t kMostShown = 3;

std::vector<std::int64_t> first_cases(const RunReport& report) {
  auto cases = report.completed;
  if (cases.size() > kMostShown) cases.resize(kMostShown);
  return cases;
}

std::vector<std::int64_t> all_cases(const RunReport& report) {
  return report.completed;
}

void print_tables(const RunSession& session, const RunSession::Outcome& outcome) {
  const auto tokenizer = session.model().tokenizer();
  const TokenText token_text = [&](std::int64_t id) {
    return tokenizer ? tokenizer->token_text(id) : "<" + std::to_string(id) + ">";
  };
  const auto style = detect_terminal(STDOUT_FILENO);
  for (int place = 0; place <= 3; ++place)
    for (const auto& [name, dataset] : outcome.results)
      if (reading_order(dataset) == place)
        std::cout << render_dataset(name, dataset, token_text, style) << "\n";
  if (const auto n = outcome.report.completed.size(); n > kMostShown)
    std::cout << "Shown: the first " << kMostShown << " of " << n
              << " cases; the archive holds all.\n";
}

void print_json(const RunSession::Outcome& outcome) {
  nlohmann::json failures = nlohmann::json::array(), datasets = nlohmann::json::object();
  for (const auto& failure : outcome.report.failures)
    failures.push_back({{"case", failure.index}, {"error", failure.message}});
  for (const auto& [name, dataset] : outcome.results) datasets[name] = dataset_to_json(dataset);
  std::cout << nlohmann::json{{"archive", outcome.sealed->path.string()},
                              {"results_sha256", outcome.sealed->results_sha256},
                              {"seal_sha256", outcome.sealed->seal_sha256},
                              {"failures", failures},
                              {"results", datasets}}
                   .dump()
            << "\n";
}

int say_outcome(const RunSession& session, const RunSession::Outcome& outcome,
                const fs::path& path) {
  const auto& arguments = session.arguments();
  if (outcome.report.interrupted) {
    std::cerr << "lensbench: stopped; " << outcome.report.completed.size() << " of "
              << session.cases().size() << " cases are safe. Go on with the same command and "
              << "--resume --out " << path.string() << "\n";
    return outcome.exit_code();
  }
  if (!outcome.sealed) {
    session.say_failures(outcome.report);
    std::cerr << "lensbench: no case ran, so no archive was written\n";
    return outcome.exit_code();
  }
  const std::string archive = outcome.sealed->path.string();
  if (arguments.json)
    print_json(outcome);
  else if (!arguments.quiet)
    print_tables(session, outcome);
  session.say_failures(outcome.report);
  if (!arguments.quiet)
    std::cerr << "archive " << archive << "\n"
              << "results sha256 " << outcome.sealed->results_sha256 << "\n";
  if (outcome.failed_receipts > 0)
    std::cerr << "lensbench: " << outcome.failed_receipts
              << " receipts FAILED: do not trust these results before the reason is known (see "
                 "lensbench show "
              << archive << ")\n";
  return outcome.exit_code();
}

int run_entry(const std::string& command, PluginEntryKind kind,
              const std::vector<std::string>& argv) {
  RunSession session(
      kind,
      parse_run_arguments(command, kind == PluginEntryKind::tool ? "TOOL" : "EXPERIMENT", argv));
  const auto& arguments = session.arguments();
  if (arguments.help) {
    std::cout << entry_help(session.host(), kind, arguments.name);
    return 0;
  }
  auto cases = read_cases(arguments.prompts, arguments.ids, arguments.prompts_file);
  std::vector<FileRecord> inputs;
  if (!arguments.prompts_file.empty()) inputs.push_back(prompts_record(arguments.prompts_file));
  session.prepare(std::move(cases), std::move(inputs));
  const auto path = archive_path(arguments);
  const auto outcome = session.execute(path, argv,
                                       arguments.json    ? all_cases
                                       : arguments.quiet ? nullptr
                                                         : first_cases);
  return say_outcome(session, outcome, path);
}

}  // namespace

int run_experiment_command(const Arguments& arguments) {
  return run_entry("run", PluginEntryKind::experiment, arguments);
}

int run_tool_command(const Arguments& arguments) {
  return run_entry("tool", PluginEntryKind::tool, arguments);
}

}  // namespace lensbench::cli
