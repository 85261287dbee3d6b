#include "session/run_session.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/profile.hpp>

#include "archive/joint/shared_run.hpp"
#include "archive/run/run_folder.hpp"
#include "bench/access/context_access.hpp"
#include "bench/case_input.hpp"
#include "bench/input/case_batches.hpp"
#include "bench/plugin_handles.hpp"
#include "checkpoint/hub_cache.hpp"
#include "core/available_memory.hpp"
#include "core/files/sha256.hpp"
#include "model/forward/transformer_model.hpp"
#include "model/runtime/stop.hpp"
#include "model/runtime/threads.hpp"
#include "report/summary/expected_cost.hpp"
#include "session/environment.hpp"
#include "session/model_options.hpp"
#include "session/process/exit_guard.hpp"
#include "session/process/interrupts.hpp"
#include "session/recipe.hpp"
#include "session/run_notes.hpp"
#include "session/watched_run.hpp"

// A run from its request to the sealed archive. The order of the steps is decided by what they cost
// and by what they must not see: plug-ins are loaded first, while a fork is cheap; then the model
// is opened and everything is checked; only then the folder of the run is created.

namespace lensbench {
namespace {

namespace fs = std::filesystem;

// A clear message for requesting an experiment as a tool, or a tool as an experiment.
void refuse_other_kind(const PluginHost& host, PluginEntryKind kind, const std::string& name) {
  const bool wants_tool = kind == PluginEntryKind::tool;
  bool other = false;
  for (const auto& entry : host.entries()) {
    if (entry.name != name) continue;
    if (entry.kind == kind) return;
    other = true;
  }
  if (other)
    throw UsageError("'" + name + "' is " +
                     (wants_tool ? "an experiment, not a tool" : "a tool, not an experiment"));
}

template <class Number>
nlohmann::json known(const std::optional<Number>& number) {
  return number ? nlohmann::json(*number) : nlohmann::json();
}

/// For `/run`, with null for a number that is not known.
nlohmann::json to_json(const ExpectedCost& cost) {
  return {{"cases", cost.cases},
          {"steps", known(cost.sum.items)},
          {"floating_point_operations", known(cost.sum.flops)},
          {"bytes", known(cost.sum.bytes)}};
}

/// What is said when a plug-in calls `exit` before the first case.
std::function<std::string()> ended_before_cases(const RunRequest& request) {
  const std::string kind = request.kind == PluginEntryKind::tool ? "tool" : "experiment";
  return [subject = kind + " '" + request.name + "'"] {
    return subject +
           ": code of a plug-in ended the process with exit() before the first case, so no case "
           "ran; correct the plug-in";
  };
}

/// Reports the end of the cases, however they end.
struct EndOfCases {
  const RunListener& listener;
  ~EndOfCases() { listener.on_end(); }
};

}  // namespace

/// Loads the plug-ins that the request names and finds out which tools they use.
RunSession::RunSession(RunRequest request, RunListener listener, OpenParts shared)
    : request_(std::move(request)),
      listener_(std::move(listener)),
      started_(utc_now()),
      shared_(std::move(shared)),
      host_(shared_.host) {
  const ExitGuard guard(ended_before_cases(request_));
  if (host_ == nullptr) {
    host_ = std::make_shared<PluginHost>(plugin_policy(request_.plugins));
    find_plugins(*host_, request_.plugins, listener_.warn);
  }
  refuse_other_kind(*host_, request_.kind, request_.name);
  entry_ = &host_->find(request_.kind, request_.name);
  // Libraries are tried in a child process. That forks safely and fast only now, while this process
  // has one thread and little memory.
  if (request_.kind == PluginEntryKind::tool)
    reads_prompts_ = create_tool(*host_, entry_->name)->reads_prompts();
  else
    load_declared_tools(*host_, *create_experiment(*host_, entry_->name));
  if (shared_.host == nullptr)
    for (const auto& refusal : host_->refusals()) listener_.warn("left out: " + refusal.message);
}

/// Everything that can be wrong with the request is found here, before a folder is written.
void RunSession::prepare(std::vector<CaseInput> cases, std::vector<FileRecord> inputs) {
  const ExitGuard guard(ended_before_cases(request_));
  Settings settings = request_.set;
  const Settings of_pictures = take_picture_settings(settings);
  parameters_ = host_->resolve(*entry_, settings);
  cases_ = std::move(cases);
  // Some builds of libtorch use one thread by default.
  set_threads(static_cast<int>(request_.threads > 0 ? request_.threads : default_threads()));
  model_ = shared_.model;
  if (model_ == nullptr)
    model_ = Model::open(request_.model, model_options(request_.dtype, request_.device));
  notes_ = notes_of(*model_);
  opened_ = model_;
  pictures_ = read_pictures(cases_, model_, of_pictures);
  if (pictures_ && !pictures_->empty() && !reads_prompts_)
    throw UsageError("tool '" + entry_->name +
                     "' reads the weights of a model alone; leave out the pictures");
  if (shared_.model != nullptr) model_ = with_stop(model_, listener_.should_stop);
  if (request_.profile) model_ = with_profile(model_, std::make_shared<Profile>());
  model_ = with_picture_prompts(with_interventions(model_, request_.interventions), pictures_);
  context_.reset(new Context(ContextAccess::make(model_, request_.seed, request_.share)));
  if (request_.kind == PluginEntryKind::tool)
    bound_ = BoundExperiment::of_tool(*host_, entry_->name, *context_);
  else
    bound_.emplace(*host_, create_experiment(*host_, entry_->name), *context_);
  set_reference_cases(*context_, cases_);
  bound_->check_parameters(parameters_, *model_);
  // Hashes every file; the plan is complete after the number of passes is known.
  plan_ = make_plan(request_, *context_, *host_, *entry_, bound_->tools(), parameters_, cases_,
                    inputs, shared_.digests.get());
  if (pictures_)
    pictures_->describe(plan_, [&](const fs::path& path) { return context_->file_digest(path); });
  plan_.passes = bound_->passes(parameters_);
  choose_place();
  give_notes();
  estimate_cost();
}

/// Cases pass the blocks together only where each has a forward of its own model.
void RunSession::choose_place() {
  const bool alone = !request_.share || !request_.interventions.empty();
  if (request_.place == Placement::stream && alone)
    throw UsageError(
        std::string("--place stream: several cases share the reading of a block, but ") +
        (request_.share ? "--interventions" : "--no-share") +
        " runs each case alone; leave one of the two out");
  if (request_.place != Placement::automatic)
    in_step_ = request_.place == Placement::stream;
  else if (!alone && exceeds_memory(*opened_)) {
    in_step_ = true;
    place_note_ =
        "the weights do not fit into the memory that is available, so they are read from disk "
        "block "
        "by block, each block once for several cases (--place memory runs each case alone)";
  }
}

void RunSession::give_notes() {
  for (std::string& note :
       notes_on_run(*opened_, parameters_, plan_.cases, request_.interventions.size()))
    notes_.push_back(std::move(note));
  for (const std::string& note : notes_) listener_.warn(note);
  if (!place_note_.empty()) listener_.warn(place_note_);
}

void RunSession::estimate_cost() {
  const auto cost = bound_->expected_cost(cases_, parameters_, *context_);
  const bool with_pictures = pictures_ && !pictures_->empty();
  if (cost.cases > 0) expected_cost_ = to_json(cost);
  if (with_pictures) {
    if (expected_cost_.is_null()) expected_cost_["cases"] = std::ssize(cases_);
    expected_cost_["picture_tokens"] = pictures_->token_count();
  }
  if (!expected_cost_.is_null()) {
    listener_.warn("expected cost of " +
                   describe_expected_cost(expected_cost_, available_memory()));
  }
}

RunControl RunSession::control() const {
  RunControl control;
  control.should_stop = listener_.should_stop;
  // An intervention may depend on the row of a batch, as noise does.
  control.batches = request_.interventions.empty();
  control.in_step = in_step_;
  return control;
}

/// The loop over cases, with the listener told of each one.
/// \param only_finish  only the summary is computed, from cases that are safe
/// \param source       says which cases run; nullptr: all
/// \param count        counts those of this process; nullptr: those of the run
RunReport RunSession::run_cases(ResultSink& sink, bool only_finish, CaseSource* source,
                                Count* count) {
  Count of_run{0, plan_.passes * std::ssize(cases_)};
  // Cases of an earlier process count as over.
  for (std::int64_t pass = 0; pass < plan_.passes; ++pass)
    of_run.over += std::ssize(sink.done(pass));
  Count& counted = count != nullptr ? *count : of_run;
  RunControl control = this->control();
  control.only_finish = only_finish;
  control.source = source;
  control.on_case = [&](std::int64_t index, bool failed) {
    listener_.on_case(
        {index, cases_[static_cast<std::size_t>(index)].id, failed, ++counted.over, counted.all});
  };
  control.on_progress = listener_.on_progress;
  const EndOfCases end{listener_};
  listener_.on_start();
  return bound_->run(cases_, parameters_, *context_, sink, control);
}

/// Facts that differ from run to run, for `/run`.
nlohmann::json RunSession::run_facts(const std::vector<std::string>& argv, const RunReport& report,
                                     const Ending& ending) const {
  // The notes say what the model and the cases are; all else differs from run to run.
  if (ending.reproducible) return {{"notes", notes_}, {"reproducible", true}};
  std::error_code error;
  const double peak = report.peak_memory_bytes;
  std::vector<std::string> notes = notes_;
  if (!place_note_.empty()) notes.push_back(place_note_);
  nlohmann::json facts = {
      {"started", started_},
      {"ended", utc_now()},
      {"host", host_name()},
      {"arguments", argv},
      {"working_directory", fs::current_path(error).string()},
      {"model_directory", fs::absolute(model_->directory(), error).string()},
      {"parameter_paths", path_values(parameters_)},
      {"plugin_directories", request_.plugins.dirs},
      {"notes", notes},
      {"profile", request_.profile},
      {"place_variables", place_variables()},
      {"weights", in_step_ ? "stream" : "memory"},
      {"peak_memory_bytes",
       std::isnan(peak) ? nlohmann::json() : nlohmann::json(static_cast<std::int64_t>(peak))}};
  facts["activations"] = {{"shared", request_.share},
                          {"forwards", ContextAccess::forwards(*context_)},
                          {"requests_without_a_forward", ContextAccess::shared(*context_)}};
  if (pictures_ && !pictures_->empty()) facts["picture_paths"] = pictures_->paths(plan_);
  if (!expected_cost_.is_null()) facts["expected_cost"] = expected_cost_;
  // The plug-ins that made the summary; the recipe has those that computed the cases.
  if (ending.records_plugins)
    for (const PluginRecord& plugin : plan_.plugins)
      facts["finished_with"].push_back(
          {{"name", plugin.name}, {"version", plugin.version}, {"sha256", plugin.sha256}});
  // A file of settings is kept as text, apart from the recipe: the same request has the same recipe
  // however it was given.
  if (const auto& settings = request_.settings)
    facts["config"] = {{"file_name", fs::path(settings->path).filename().string()},
                       {"sha256", sha256_hex(settings->text)},
                       {"bytes", settings->text.size()},
                       {"text", settings->text}};
  return facts;
}

/// For `lensbench finish` and `lensbench seal`, which take the request from it.
void RunSession::keep_command(RunWriter& writer, const std::vector<std::string>& argv) const {
  std::error_code error;
  writer.keep_command({{"command", request_.kind == PluginEntryKind::tool ? "tool" : "run"},
                       {"arguments", argv},
                       {"working_directory", fs::current_path(error).string()}});
}

RunSession::Outcome RunSession::execute(const fs::path& out, const std::vector<std::string>& argv) {
  catch_interrupts();
  if (is_shared_run(run_folder_of(out))) return execute_remaining(out, argv);
  auto writer = RunWriter::start(out, plan_, request_.resume,
                                 {std::chrono::duration<double>(request_.commit_every_s)});
  keep_command(writer, argv);
  return complete(writer, out, argv, {});
}

RunSession::Outcome RunSession::finish(const fs::path& out, const std::vector<std::string>& argv) {
  catch_interrupts();
  const bool shared = is_shared_run(run_folder_of(out));
  auto writer = shared ? RunWriter::join_to_finish(out, plan_, joint_rules("finish", false))
                       : RunWriter::take_over(out, plan_);
  if (shared) writer.settle();
  // Before the summary, which would otherwise be over a part of the cases.
  writer.require_all_run();
  Ending ending;
  ending.only_finish = ending.records_plugins = true;
  return complete(writer, out, argv, ending);
}

/// Runs what has to be run, then seals. An interruption leaves the folder for a resume.
RunSession::Outcome RunSession::complete(RunWriter& writer, const fs::path& out,
                                         const std::vector<std::string>& argv,
                                         const Ending& ending) {
  if (const std::string& last = writer.crashed_in(); !last.empty())
    listener_.warn("the process that worked on this run before ended without notice in " + last);
  WatchedRun watched(writer, out, started_, cases_);
  Outcome outcome;
  outcome.report = run_cases(watched.sink(), ending.only_finish, ending.source);
  if (outcome.report.interrupted || outcome.report.unfinished_pass) return outcome;
  const int code = outcome.report.exit_code();
  if (outcome.report.completed.empty() && (code == 2 || code == 3)) {
    // The request or every prompt was wrong: an empty archive would only block the next attempt.
    writer.discard();
    return outcome;
  }
  // Token ids are collected from the results, so that the vocabulary has these and not more.
  const auto vocabulary = vocabulary_of(*model_, writer.token_ids());
  outcome.failed_receipts = writer.failed_receipts();
  for (const auto& [name, dataset] : outcome.report.summaries)
    outcome.failed_receipts +=
        std::count_if(dataset.receipts.begin(), dataset.receipts.end(),
                      [](const Receipt& receipt) { return !receipt.passed; });
  outcome.sealed =
      writer.seal(outcome.report.summaries, vocabulary.texts, vocabulary.bytes, environment_facts(),
                  run_facts(argv, outcome.report, ending), !ending.reproducible);
  return outcome;
}

RunSession::Kept RunSession::run_in_memory(const std::vector<std::string>& argv) {
  Kept kept{KeptResults(started_), {}, {}};
  const ExitGuard guard([&] {
    return "tool '" + kept.results.tool() + "': code of the plug-in ended the process with exit()";
  });
  kept.report = run_cases(kept.results, false);
  kept.facts = run_facts(argv, kept.report, {});
  // The activations of the last case are not needed any more.
  ContextAccess::begin_case(*context_);
  return kept;
}

SealResult RunSession::save(const Kept& kept, const fs::path& out) const {
  auto writer = RunWriter::start(out, plan_, false);
  kept.results.write_to(writer);
  const auto vocabulary = vocabulary_of(*model_, writer.token_ids());
  return writer.seal(kept.report.summaries, vocabulary.texts, vocabulary.bytes, environment_facts(),
                     kept.facts);
}

/// An interruption comes first, then failures of cases, then receipts.
int RunSession::Outcome::exit_code() const {
  if (report.interrupted || report.unfinished_pass) return 5;
  if (const int code = report.exit_code(); code != 0) return code;
  return failed_receipts == 0 ? 0 : 1;
}

}  // namespace lensbench
