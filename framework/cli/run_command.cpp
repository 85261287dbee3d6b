#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/runner.hpp"
#include "cli/archive_sink.hpp"
#include "cli/arguments.hpp"
#include "cli/commands.hpp"
#include "cli/entry_help.hpp"
#include "cli/environment.hpp"
#include "cli/prompts.hpp"
#include "cli/recipe.hpp"
#include "model/threads.hpp"
#include "report/json.hpp"
#include "report/terminal/progress.hpp"
#include "report/terminal/terminal.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

volatile std::sig_atomic_t interrupted = 0;

// The first signal lets the case in hand finish and be kept; a second one ends the process.
void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

std::string model_label(const std::string& model) {
  auto name = fs::path(model).lexically_normal();
  if (name.filename().empty()) name = name.parent_path();
  std::string label = name.filename().string();
  for (char& c : label)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.') c = '_';
  return label.empty() ? "model" : label;
}

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

// What one run has, in the order it comes to be.
struct Run {
  RunArguments arguments;
  std::string started = utc_now();
  PluginHost host;
  const PluginInfo* entry = nullptr;
  std::shared_ptr<const Model> model;
  Parameters parameters;
  std::vector<CaseInput> cases;
};

std::vector<std::int64_t> shown_cases(const RunReport& report) {
  constexpr std::size_t kMost = 3;
  auto cases = report.completed;
  if (cases.size() > kMost) cases.resize(kMost);
  return cases;
}

// Every dataset name with the cases' results joined, or a summary.
std::map<std::string, Dataset> joined(const Run& run, const RunReport& report,
                                      const ResultSink& sink,
                                      const std::vector<std::int64_t>& cases) {
  std::map<std::string, Dataset> results = report.summaries;
  std::map<std::string, std::vector<std::int64_t>> having;
  for (const auto index : cases)
    for (const auto& name : sink.names(index)) having[name].push_back(index);
  for (const auto& [name, indices] : having) {
    std::vector<Dataset> parts;
    std::vector<std::string> ids;
    for (const auto index : indices) {
      parts.push_back(sink.read(index, name));
      ids.push_back(run.cases[static_cast<std::size_t>(index)].id);
    }
    results[name] = join_cases(parts, indices, ids);
  }
  return results;
}

void print_tables(const Run& run, const RunReport& report,
                  const std::map<std::string, Dataset>& results) {
  const auto tokenizer = run.model->tokenizer();
  const TokenText token_text = [&](std::int64_t id) {
    return tokenizer ? tokenizer->token_text(id) : "<" + std::to_string(id) + ">";
  };
  const auto style = detect_terminal(STDOUT_FILENO);
  for (int place = 0; place <= 3; ++place)
    for (const auto& [name, dataset] : results)
      if (reading_order(dataset) == place)
        std::cout << render_dataset(name, dataset, token_text, style) << "\n";
  const auto shown = shown_cases(report).size();
  if (report.completed.size() > shown)
    std::cout << "Shown: the first " << shown << " of " << report.completed.size()
              << " cases; the archive holds all.\n";
}

void print_json(const RunReport& report, const std::map<std::string, Dataset>& results,
                const SealResult& sealed) {
  nlohmann::json failures = nlohmann::json::array(), datasets = nlohmann::json::object();
  for (const auto& failure : report.failures)
    failures.push_back({{"case", failure.index}, {"error", failure.message}});
  for (const auto& [name, dataset] : results) datasets[name] = dataset_to_json(dataset);
  std::cout << nlohmann::json{{"archive", sealed.path.string()},
                              {"results_sha256", sealed.results_sha256},
                              {"seal_sha256", sealed.seal_sha256},
                              {"failures", failures},
                              {"results", datasets}}
                   .dump()
            << "\n";
}

nlohmann::json run_facts(const Run& run, const std::vector<std::string>& argv) {
  std::error_code error;
  return {{"started", run.started},
          {"ended", utc_now()},
          {"host", host_name()},
          {"arguments", argv},
          {"working_directory", fs::current_path(error).string()},
          {"model_directory", run.model->directory().string()},
          {"peak_memory_bytes", peak_memory_bytes()}};
}

void say_failures(const Run& run, const RunReport& report) {
  constexpr std::size_t kMost = 5;
  for (std::size_t i = 0; i < report.failures.size() && i < kMost; ++i) {
    const auto& failure = report.failures[i];
    std::cerr << "lensbench: case '" << run.cases[static_cast<std::size_t>(failure.index)].id
              << "' failed: " << failure.message << "\n";
  }
  if (report.failures.size() > kMost)
    std::cerr << "lensbench: and " << report.failures.size() - kMost
              << " more cases failed; the archive's /units names them\n";
}

RunReport run_cases(const Run& run, BoundExperiment& bound, Context& context, ResultSink& sink) {
  const auto total = static_cast<std::int64_t>(run.cases.size());
  std::optional<ProgressBar> progress;
  // One case is over before a bar could say anything.
  if (!run.arguments.quiet && total > 1) progress.emplace(total, STDERR_FILENO);
  std::int64_t done = static_cast<std::int64_t>(sink.done().size()), failed = 0;
  catch_interrupts();
  RunControl control;
  control.should_stop = [] { return interrupted != 0; };
  control.on_case = [&](std::int64_t, bool bad) {
    failed += bad ? 1 : 0;
    if (progress) progress->step(++done, failed);
  };
  return bound.run(run.cases, run.parameters, context, sink, control);
}

int finish(const Run& run, const RunReport& report, RunWriter& writer, ArchiveSink& sink,
           const std::vector<std::string>& argv) {
  if (report.completed.empty() && report.exit_code() == 2) {
    // The request itself was wrong: an archive of nothing would only be in the way of the next try.
    say_failures(run, report);
    writer.discard();
    std::cerr << "lensbench: no case ran, so no archive was written\n";
    return report.exit_code();
  }
  // Read back before sealing packs the units away.
  std::map<std::string, Dataset> results;
  const bool tables = !run.arguments.quiet && !run.arguments.json;
  if (tables || run.arguments.json)
    results =
        joined(run, report, sink, run.arguments.json ? report.completed : shown_cases(report));
  if (tables) print_tables(run, report, results);
  const auto vocabulary = vocabulary_of(*run.model, writer.token_ids());
  const auto sealed = writer.seal(report.summaries, vocabulary.texts, vocabulary.bytes,
                                  environment_facts(), run_facts(run, argv));
  if (run.arguments.json) print_json(report, results, sealed);
  say_failures(run, report);
  for (const auto& [name, dataset] : report.summaries) sink.count(dataset);
  const bool hold = sink.failed_receipts() == 0;
  if (!run.arguments.quiet) {
    std::cerr << "archive " << sealed.path.string() << "\n"
              << "results sha256 " << sealed.results_sha256 << "\n";
  }
  if (!hold)
    std::cerr << "lensbench: " << sink.failed_receipts()
              << " receipts FAILED: do not trust these results before the reason is known (see "
                 "lensbench show "
              << sealed.path.string() << ")\n";
  if (const int code = report.exit_code(); code != 0) return code;
  return hold ? 0 : 1;
}

int run_bound(Run& run, BoundExperiment bound, Context& context,
              const std::vector<std::string>& argv) {
  const auto path = archive_path(run.arguments);
  const auto plan = make_plan(run.arguments, *run.model, run.host, *run.entry, bound.tools(),
                              run.parameters, run.cases);
  auto writer = RunWriter::start(path, plan, run.arguments.resume);
  ArchiveSink sink(writer);
  const auto report = run_cases(run, bound, context, sink);
  if (report.interrupted) {
    std::cerr << "lensbench: stopped; " << report.completed.size() << " of " << run.cases.size()
              << " cases are safe. Go on with the same command and --resume --out " << path.string()
              << "\n";
    return 5;
  }
  return finish(run, report, writer, sink, argv);
}

int run_entry(const std::string& command, PluginEntryKind kind,
              const std::vector<std::string>& argv) {
  Run run;
  run.arguments =
      parse_run_arguments(command, kind == PluginEntryKind::tool ? "TOOL" : "EXPERIMENT", argv);
  for (const auto& directory : plugin_directories(run.arguments.plugin_dirs))
    run.host.load_directory(directory);
  if (run.arguments.help) {
    std::cout << entry_help(run.host, kind, run.arguments.name);
    return 0;
  }
  run.entry = &run.host.find(kind, run.arguments.name);
  if (!run.arguments.quiet)
    for (const auto& refusal : run.host.refusals())
      std::cerr << "lensbench: left out: " << refusal.message << "\n";
  run.parameters = run.host.resolve(*run.entry, run.arguments.set);
  run.cases = read_cases(run.arguments.prompts, run.arguments.ids, run.arguments.prompts_file);
  // libtorch's own default is one thread in some builds.
  const auto cores = std::max(1u, std::thread::hardware_concurrency());
  set_threads(static_cast<int>(run.arguments.threads > 0 ? run.arguments.threads : cores));
  run.model =
      Model::open(run.arguments.model, model_options(run.arguments.dtype, run.arguments.device));
  Context context(run.model, run.arguments.seed);
  auto bound =
      kind == PluginEntryKind::tool
          ? BoundExperiment::of_tool(run.host, run.entry->name, context)
          : BoundExperiment(run.host, run.host.create_experiment(run.entry->name), context);
  return run_bound(run, std::move(bound), context, argv);
}

}  // namespace

int run_experiment_command(const Arguments& arguments) {
  return run_entry("run", PluginEntryKind::experiment, arguments);
}

int run_tool_command(const Arguments& arguments) {
  return run_entry("tool", PluginEntryKind::tool, arguments);
}

}  // namespace lensbench::cli
