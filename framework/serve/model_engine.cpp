#include "serve/model_engine.hpp"

#include <c10/util/Exception.h>
#include <fcntl.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <utility>

#include "core/foreign_exception.hpp"
#include "core/version.hpp"
#include "serve/offers.hpp"
#include "serve/question.hpp"
#include "serve/temporary_folder.hpp"
#include "session/environment.hpp"
#include "session/model_options.hpp"
#include "session/parameter_files.hpp"
#include "session/process/crash_report.hpp"

namespace lensbench::serve {
namespace {

/// Answers that are kept: at most this number, and bytes of their values; the last one always.
constexpr std::size_t kMostAnswers = 64;
constexpr std::size_t kMostKeptBytes = std::size_t{512} << 20;

/// Words of a command that repeats the run.
std::vector<std::string> command_of(const RunRequest& request, const std::string& prompt) {
  std::vector<std::string> words = {
      "tool",        request.name, "--model",      request.model, "--dtype",
      request.dtype, "--device",   request.device, "--seed",      std::to_string(request.seed)};
  for (const auto& [name, value] : request.set)
    words.insert(words.end(), {"--set", name + "=" + value});
  words.insert(words.end(), {"--prompt", prompt});
  return words;
}

Answer problem_of(const Error& error) {
  const bool is_refused = error.exit_code() == 2 || error.exit_code() == 3;
  return {is_refused ? Answer::Kind::refused : Answer::Kind::failed, error.what()};
}

}  // namespace

ModelEngine::ModelEngine(RunRequest request, const Warn& warn) : request_(std::move(request)) {
  request_.kind = PluginEntryKind::tool;
  parts_.host = std::make_shared<PluginHost>(plugin_policy(request_.plugins));
  parts_.digests = std::make_shared<FileDigests>();
  find_plugins(*parts_.host, request_.plugins, warn);
  const auto tools = prompt_tools(*parts_.host, warn);
  for (const auto& refusal : parts_.host->refusals()) warn("left out: " + refusal.message);
  parts_.model = Model::open(request_.model, model_options(request_.dtype, request_.device));
  tools_ = tools_for(*parts_.host, tools, *parts_.model);
  if (tools_.empty())
    throw UsageError(
        "serve: no tool for prompts of this model was found; see lensbench list tools");
  for (const ModelFile& file : parts_.model->files())
    opened_[file.path] = parts_.digests->of(file.path);
  environment_ = environment_facts();
  description_ = {{"model", model_label(request_.model)},
                  {"family", parts_.model->spec().family},
                  {"version", build_info().version},
                  {"tools", describe_tools(tools_)}};
}

ModelEngine::~ModelEngine() {
  stop_ = true;
}

std::optional<std::int64_t> ModelEngine::ask(std::string body, std::function<void(Answer)> done) {
  std::int64_t number = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (running_.number != 0) return std::nullopt;
    number = ++questions_;
    running_ = {number, "", 0, 0, Clock::now()};
    stop_ = false;
  }
  const bool is_added = worker_.add([this, number, body = std::move(body), done = std::move(done)] {
    done(answer(number, body));
  });
  if (is_added) return number;
  const std::scoped_lock lock(mutex_);
  running_ = {};
  return std::nullopt;
}

Answer ModelEngine::answer(std::int64_t number, const std::string& body) {
  Answer answer = run(number, body);
  const std::scoped_lock lock(mutex_);
  running_ = {};
  return answer;
}

/// Everything that a plug-in may throw becomes a sentence: the server goes on.
Answer ModelEngine::run(std::int64_t number, const std::string& body) {
  try {
    const Question question = read_question(body, tools_);
    note_tool(question.tool);
    // A crash ends the server, and the page does not learn why.
    CrashReport crash(
        "; the server has ended, and answers that were not saved are lost; start lensbench serve "
        "again, and correct the tool before you ask it again");
    crash.note("question " + std::to_string(number) + ", tool '" + question.tool + "'");
    RunRequest request = request_;
    request.name = question.tool;
    request.set = question.parameters;
    // The listener is kept with the answer, and so are the notes.
    const auto notes = std::make_shared<std::vector<std::string>>();
    RunListener listener;
    listener.warn = [notes](const std::string& sentence) { notes->push_back(sentence); };
    listener.should_stop = [this] { return stop_.load(); };
    listener.on_progress = [this](std::int64_t done, std::int64_t total) {
      const std::scoped_lock lock(mutex_);
      running_.done = done;
      running_.total = total;
    };
    auto session = std::make_unique<RunSession>(request, listener, parts_);
    session->prepare({{"prompt-1", question.prompt, {}, {}}}, {});
    check_files(session->plan());
    auto kept = session->run_in_memory(command_of(request, question.prompt));
    AnsweredRun run{std::move(session), std::move(kept), archive_name(question.tool, number),
                    std::move(*notes)};
    if (run.kept.report.interrupted) return {Answer::Kind::cancelled, ""};
    if (const auto& failures = run.kept.report.failures; !failures.empty())
      return {failures.front().exit_code == 2 || failures.front().exit_code == 3
                  ? Answer::Kind::refused
                  : Answer::Kind::failed,
              failures.front().message};
    std::string message = page_message(number, run, environment_);
    keep(number, std::move(run));
    return {Answer::Kind::answered, std::move(message)};
  } catch (const Error& error) {
    if (stop_) return {Answer::Kind::cancelled, ""};
    return problem_of(error);
  } catch (const c10::Error& error) {
    return {Answer::Kind::failed, std::string("libtorch: ") + error.what_without_backtrace()};
  } catch (const std::bad_alloc&) {
    return {Answer::Kind::failed, "out of memory; try a shorter prompt"};
  } catch (...) {
    return {Answer::Kind::failed, text_of_foreign_exception()};
  }
}

std::string ModelEngine::archive_name(const std::string& tool, std::int64_t number) const {
  return tool + "-" + model_label(request_.model) + "-" + std::to_string(number) + ".h5";
}

/// The model is mapped from its files: results of changed files would have no known origin.
void ModelEngine::check_files(const RunPlan& plan) const {
  for (const auto& [path, digest] : opened_) {
    const auto same = [&digest = digest](const FileRecord& file) { return file.sha256 == digest; };
    if (std::none_of(plan.files.begin(), plan.files.end(), same))
      throw RunError(path.string() +
                     ": has changed since the model was opened; start lensbench serve again");
  }
}

void ModelEngine::note_tool(const std::string& tool) {
  const std::scoped_lock lock(mutex_);
  running_.tool = tool;
}

void ModelEngine::keep(std::int64_t number, AnsweredRun run) {
  answers_.emplace(number, std::move(run));
  std::size_t bytes = 0;
  for (auto at = answers_.rbegin(); at != answers_.rend(); ++at)
    bytes += at->second.kept.results.bytes();
  while (answers_.size() > 1 && (answers_.size() > kMostAnswers || bytes > kMostKeptBytes)) {
    bytes -= answers_.begin()->second.kept.results.bytes();
    answers_.erase(answers_.begin());
  }
}

bool ModelEngine::cancel(std::optional<std::int64_t> number) {
  const std::scoped_lock lock(mutex_);
  if (running_.number == 0 || (number && *number != running_.number)) return false;
  stop_ = true;
  return true;
}

nlohmann::json ModelEngine::progress() const {
  const std::scoped_lock lock(mutex_);
  if (running_.number == 0) return {{"state", "idle"}};
  const std::chrono::duration<double> seconds = Clock::now() - running_.begin;
  return {{"state", stop_ ? "cancelling" : "running"},
          {"id", running_.number},
          {"tool", running_.tool},
          {"done", running_.done},
          {"total", running_.total},
          {"seconds", seconds.count()}};
}

void ModelEngine::save(std::int64_t number, std::function<void(SavedArchive)> done) {
  if (!worker_.add([this, number, done] { done(archive_of(number)); }))
    done({{}, "", "too many archives are being written; try again", true});
}

/// The archive is written to a folder which is removed at once: the open file keeps its content.
SavedArchive ModelEngine::archive_of(std::int64_t number) const {
  const auto found = answers_.find(number);
  if (found == answers_.end())
    return {{}, "", "answer " + std::to_string(number) + " is not kept any more; ask again", false};
  try {
    const AnsweredRun& run = found->second;
    const TemporaryFolder folder;
    const SealResult sealed = run.session->save(run.kept, folder.path() / run.file);
    FileDescriptor file(::open(sealed.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file)
      throw RunError(sealed.path.string() + ": cannot be read (" + errno_text(errno) + ")");
    return {std::move(file), run.file, "", true};
  } catch (const std::exception& error) {
    return {{}, "", error.what(), true};
  }
}

}  // namespace lensbench::serve
