#include <lensbench/error.hpp>
#include <utility>

#include "bench/access/context_access.hpp"
#include "bench/input/prompt_tokens.hpp"
#include "bench/input/recorded_files.hpp"
#include "bench/results/result_name.hpp"
#include "bench/run_services.hpp"
#include "bench/shared_forwards.hpp"

namespace lensbench {

/// Model, seed and shared forwards of a run, and the services that exist only while it runs.
struct Context::State {
  std::shared_ptr<const Model> model;
  std::uint64_t seed;
  bool share;
  SharedForwards forwards;
  PromptTokens prompts;
  FileDigests digests = {};
  RunServices* services = nullptr;
  /// States of a context without a run.
  std::map<std::string, Dataset> committed = {};
  std::function<std::vector<Tokens>()> reference_source = {};
  std::optional<std::vector<Tokens>> reference_prompts = std::nullopt;
  /// Contexts of other models that experiments attach tools to.
  std::map<const Model*, std::unique_ptr<Context>> others = {};
};

RunServices::~RunServices() = default;

Context::Context(std::unique_ptr<State> state) : state_(std::move(state)) {}

Context::~Context() = default;

const Model& Context::model() const {
  return *state_->model;
}

std::shared_ptr<const Model> Context::shared_model() const {
  return state_->model;
}

std::uint64_t Context::seed() const {
  return state_->seed;
}

/// Read-only activations of one sequence, shared by all tools of a case.
std::map<std::string, at::Tensor> Context::activations(const Tokens& tokens,
                                                       const std::vector<std::string>& globs) {
  const CaseBatch* batch = state_->services != nullptr ? state_->services->batch() : nullptr;
  return state_->forwards.activations(tokens, globs, batch);
}

/// The source is asked once and only if a tool needs reference prompts.
const std::vector<Tokens>& Context::reference_prompts() const {
  auto& prompts = state_->reference_prompts;
  if (!prompts)
    prompts = state_->reference_source ? state_->reference_source() : std::vector<Tokens>();
  return *prompts;
}

Tokens Context::tokens_of(const std::string& text) const {
  return state_->prompts.of(text);
}

std::string Context::file_digest(const std::filesystem::path& file) const {
  return state_->digests.of(file);
}

void Context::record_file(Dataset& result, const std::string& name, const std::string& file) const {
  const NamedFile named = named_file(file);
  if (named.path.empty()) return;
  result.attributes[name] = named.name;
  result.attributes[name + "_sha256"] = state_->digests.of(named.path);
}

void Context::record_model(Dataset& result, const std::string& name, const Model& model) const {
  std::error_code error;
  const auto folder = std::filesystem::absolute(model.directory(), error).lexically_normal();
  const auto files = files_of(model);
  result.attributes[name] = model.directory().empty() ? "model" : named_file(folder).name;
  if (!files.empty()) result.attributes[name + "_sha256"] = digest_of_files(state_->digests, files);
}

void Context::progress(std::int64_t done, std::int64_t total) {
  if (state_->services != nullptr) state_->services->progress(done, total);
}

/// A tool that is used without a run cannot be cancelled.
bool Context::cancelled() const {
  return state_->services != nullptr && state_->services->cancelled();
}

/// Without a run, as in a program that uses a tool directly, states are kept in memory.
void Context::commit(const std::string& key, const Dataset& state) {
  check_result_name(key);
  if (state_->services != nullptr)
    state_->services->commit(key, state);
  else
    state_->committed[key] = state;
}

std::optional<Dataset> Context::committed(const std::string& key) const {
  check_result_name(key);
  if (state_->services != nullptr) return state_->services->committed(key);
  const auto found = state_->committed.find(key);
  return found == state_->committed.end() ? std::nullopt : std::optional(found->second);
}

/// With share = false each request runs its own forward, for comparison.
Context ContextAccess::make(std::shared_ptr<const Model> model, std::uint64_t seed, bool share) {
  return Context(std::unique_ptr<Context::State>(
      new Context::State{model, seed, share, SharedForwards(model, share), PromptTokens(model)}));
}

/// Tools that return to the model of the run share its forwards again.
Context& ContextAccess::of_model(Context& context, const std::shared_ptr<const Model>& model) {
  Context::State& run = *context.state_;
  if (model == nullptr)
    throw UsageError("Case::context_of: the model is a null pointer; open it with Model::open");
  if (model == run.model) return context;
  const auto found = run.others.find(model.get());
  if (found != run.others.end()) return *found->second;
  std::unique_ptr<Context> other(new Context(make(model, run.seed, run.share)));
  return *(run.others[model.get()] = std::move(other));
}

void ContextAccess::expect(Context& context, const std::vector<std::string>& globs) {
  context.state_->forwards.expect(globs);
}

/// Activations and states of one case are never seen by the next.
void ContextAccess::begin_case(Context& context) {
  Context::State& state = *context.state_;
  state.forwards.begin_case();
  std::erase_if(state.committed, [](const auto& kept) { return !is_of_run(kept.first); });
  for (const auto& [model, other] : state.others) begin_case(*other);
}

void ContextAccess::set_reference_prompts(Context& context,
                                          std::function<std::vector<Tokens>()> source) {
  context.state_->reference_source = std::move(source);
  context.state_->reference_prompts.reset();
}

/// nullptr ends the connection, since the services of a run end before its context.
void ContextAccess::connect(Context& context, RunServices* services) {
  context.state_->services = services;
}

std::int64_t ContextAccess::forwards(const Context& context) {
  std::int64_t all = context.state_->forwards.forwards();
  for (const auto& [model, other] : context.state_->others) all += forwards(*other);
  return all;
}

std::int64_t ContextAccess::shared(const Context& context) {
  std::int64_t all = context.state_->forwards.shared();
  for (const auto& [model, other] : context.state_->others) all += shared(*other);
  return all;
}

}  // namespace lensbench
