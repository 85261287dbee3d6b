#include "session/run_session.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <iostream>
#include <lensbench/error.hpp>
#include <lensbench/profile.hpp>
#include <thread>

#include "checkpoint/hub_cache.hpp"
#include "cli/commands/settings.hpp"
#include "core/files/sha256.hpp"
#include "model/runtime/threads.hpp"
#include "report/terminal/progress.hpp"
#include "session/archive_sink.hpp"
#include "session/environment.hpp"
#include "session/recipe.hpp"

namespace lensbench::cli {
namespace {

namespace fs = std::filesystem;

volatile std::sig_atomic_t interrupted = 0;

// The first signal lets the case in hand finish and be kept; a second one ends the process.
void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the write
}

// `lensbench tool first_look` is a slip that is easily set right.
void refuse_other_kind(const PluginHost& host, PluginEntryKind kind, const std::string& name) {
  const bool wants_tool = kind == PluginEntryKind::tool;
  bool other = false;
  for (const auto& entry : host.entries()) {
    if (entry.name != name) continue;
    if (entry.kind == kind) return;
    other = true;
  }
  if (other)
    throw UsageError("'" + name + "' is " + (wants_tool ? "an experiment" : "a tool") +
                     ": lensbench " + (wants_tool ? "run " : "tool ") + name);
}

}  // namespace

RunSession::RunSession(PluginEntryKind kind, RunArguments arguments)
    : arguments_(std::move(arguments)),
      kind_(kind),
      started_(utc_now()),
      host_(plugin_policy(arguments_.plugins)) {
  find_plugins(host_, arguments_.plugins, arguments_.quiet);
  if (arguments_.help) return;
  refuse_other_kind(host_, kind, arguments_.name);
  entry_ = &host_.find(kind, arguments_.name);
  // Now, while the process has one thread and little memory: libraries are tried in a child of it.
  if (kind == PluginEntryKind::tool)
    host_.create_tool(entry_->name);
  else
    load_declared_tools(host_, *host_.create_experiment(entry_->name));
  if (arguments_.quiet) return;
  for (const auto& refusal : host_.refusals())
    std::cerr << "lensbench: left out: " << refusal.message << "\n";
}

void RunSession::prepare(std::vector<CaseInput> cases, std::vector<FileRecord> inputs) {
  check_settings(host_, *entry_, arguments_);
  parameters_ = host_.resolve(*entry_, arguments_.set);
  cases_ = std::move(cases);
  // libtorch's own default is one thread in some builds.
  const auto cores = std::max(1u, std::thread::hardware_concurrency());
  set_threads(static_cast<int>(arguments_.threads > 0 ? arguments_.threads : cores));
  model_ = Model::open(arguments_.model, model_options(arguments_.dtype, arguments_.device));
  if (arguments_.profile) model_ = with_profile(model_, std::make_shared<Profile>());
  model_ = with_interventions(model_, arguments_.interventions);
  context_ = std::make_unique<Context>(model_, arguments_.seed, arguments_.share);
  if (kind_ == PluginEntryKind::tool)
    bound_ = BoundExperiment::of_tool(host_, entry_->name, *context_);
  else
    bound_.emplace(host_, host_.create_experiment(entry_->name), *context_);
  plan_ =
      make_plan(arguments_, *model_, host_, *entry_, bound_->tools(), parameters_, cases_, inputs);
}

RunReport RunSession::run_cases(ResultSink& sink) {
  const auto total = static_cast<std::int64_t>(cases_.size());
  std::optional<ProgressBar> progress;
  // One case is over before a bar could say anything.
  if (!arguments_.quiet && !arguments_.progress_json && total > 1)
    progress.emplace(total, STDERR_FILENO);
  std::int64_t done = static_cast<std::int64_t>(sink.done().size()), failed = 0;
  RunControl control;
  control.should_stop = [] { return interrupted != 0; };
  control.on_case = [&](std::int64_t index, bool bad) {
    failed += bad ? 1 : 0;
    ++done;
    if (progress) progress->step(done, failed);
    if (arguments_.progress_json)
      std::cerr << nlohmann::json{{"case", index},
                                  {"id", cases_[static_cast<std::size_t>(index)].id},
                                  {"status", bad ? "failed" : "complete"},
                                  {"over", done},
                                  {"of", total}}
                           .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) +
                       "\n";
  };
  return bound_->run(cases_, parameters_, *context_, sink, control);
}

// Every dataset name with the cases' results joined, or a summary.
std::map<std::string, Dataset> RunSession::joined(const RunReport& report, const ResultSink& sink,
                                                  const std::vector<std::int64_t>& cases) const {
  std::map<std::string, Dataset> results = report.summaries;
  std::map<std::string, std::vector<std::int64_t>> having;
  for (const auto index : cases)
    for (const auto& name : sink.names(index)) having[name].push_back(index);
  for (const auto& [name, indices] : having) {
    std::vector<Dataset> parts;
    std::vector<std::string> ids;
    for (const auto index : indices) {
      parts.push_back(sink.read(index, name));
      ids.push_back(cases_[static_cast<std::size_t>(index)].id);
    }
    results[name] = join_cases(parts, indices, ids);
  }
  return results;
}

nlohmann::json RunSession::run_facts(const std::vector<std::string>& argv,
                                     const RunReport& report) const {
  std::error_code error;
  nlohmann::json models = nlohmann::json::object();
  for (const auto& name : parameters_.names_of(ParameterType::model))
    if (const auto& value = parameters_.text(name); !value.empty())
      models[name] = fs::absolute(resolve_model_directory(value), error).string();
  const double peak = report.peak_memory_bytes;
  nlohmann::json facts = {
      {"started", started_},
      {"ended", utc_now()},
      {"host", host_name()},
      {"arguments", argv},
      {"working_directory", fs::current_path(error).string()},
      {"model_directory", fs::absolute(model_->directory(), error).string()},
      {"other_models", models},
      {"plugin_directories", arguments_.plugins.dirs},
      {"profile", arguments_.profile},
      {"place_variables", place_variables()},
      {"peak_memory_bytes",
       std::isnan(peak) ? nlohmann::json() : nlohmann::json(static_cast<std::int64_t>(peak))}};
  facts["activations"] = {{"shared", arguments_.share},
                          {"forwards", context_->forwards()},
                          {"requests_without_a_forward", context_->shared()}};
  if (const auto& config = arguments_.config)
    facts["config"] = {{"file_name", fs::path(config->path).filename().string()},
                       {"sha256", sha256_hex(config->text)},
                       {"bytes", config->text.size()},
                       {"text", config->text}};
  return facts;
}

void RunSession::say_failures(const RunReport& report) const {
  constexpr std::size_t kMost = 5;
  for (std::size_t i = 0; i < report.failures.size() && i < kMost; ++i) {
    const auto& failure = report.failures[i];
    std::cerr << "lensbench: case '" << cases_[static_cast<std::size_t>(failure.index)].id
              << "' failed: " << failure.message << "\n";
  }
  if (report.failures.size() > kMost)
    std::cerr << "lensbench: and " << report.failures.size() - kMost
              << " more cases failed; the archive's /units names them\n";
}

RunSession::Outcome RunSession::execute(const fs::path& out, const std::vector<std::string>& argv,
                                        Choose shown) {
  catch_interrupts();
  auto writer = RunWriter::start(out, plan_, arguments_.resume);
  ArchiveSink sink(writer, started_);
  Outcome outcome;
  outcome.report = run_cases(sink);
  if (outcome.report.interrupted) return outcome;
  const int code = outcome.report.exit_code();
  if (outcome.report.completed.empty() && (code == 2 || code == 3)) {
    // The request itself, or every prompt, was wrong: an archive of nothing would be in the way of
    // the next try.
    writer.discard();
    return outcome;
  }
  // Read back before sealing packs the units away.
  if (shown) outcome.results = joined(outcome.report, sink, shown(outcome.report));
  const auto vocabulary = vocabulary_of(*model_, writer.token_ids());
  outcome.sealed = writer.seal(outcome.report.summaries, vocabulary.texts, vocabulary.bytes,
                               environment_facts(), run_facts(argv, outcome.report));
  for (const auto& [name, dataset] : outcome.report.summaries) sink.count(dataset);
  outcome.failed_receipts = sink.failed_receipts();
  return outcome;
}

int RunSession::Outcome::exit_code() const {
  if (report.interrupted) return 5;
  if (const int code = report.exit_code(); code != 0) return code;
  return failed_receipts == 0 ? 0 : 1;
}

}  // namespace lensbench::cli
