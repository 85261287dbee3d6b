#include <utility>

#include "bench/access/case_access.hpp"
#include "bench/access/context_access.hpp"
#include "bench/case_input.hpp"
#include "bench/input/picture_prompts.hpp"
#include "bench/results/result_check.hpp"
#include "bench/results/result_name.hpp"

namespace lensbench {

/// A case refers to its input and its context, which outlive it; its tokens are its own.
struct Case::State {
  std::int64_t index;
  const CaseInput& input;
  Context& context;
  const Parameters& parameters;
  std::int64_t pass;
  const Summary* earlier;
  /// Empty for a case without a prompt, which only tools that do not read one can run.
  mutable std::optional<Tokens> tokens = std::nullopt;
  mutable std::optional<Tokens> corrupted = std::nullopt;  ///< tokenized at the first request
  std::map<std::string, Dataset> saved = {};
};

Case::Case(std::unique_ptr<State> state) : state_(std::move(state)) {}

Case::~Case() = default;

std::int64_t Case::index() const {
  return state_->index;
}

const std::string& Case::id() const {
  return state_->input.id;
}

const Model& Case::model() const {
  return state_->context.model();
}

const Parameters& Case::parameters() const {
  return state_->parameters;
}

std::uint64_t Case::seed() const {
  return state_->context.seed();
}

const Tokens& Case::tokens() const {
  if (!state_->tokens) state_->tokens = tokens_of(state_->input, state_->context);
  return *state_->tokens;
}

/// The second prompt is tokenized only if somebody asks for it, so that experiments on one prompt
/// never fail for it.
bool Case::has_corrupted() const {
  return state_->corrupted || second_prompt(state_->input, state_->parameters).is_given();
}

const Tokens& Case::corrupted() const {
  if (!state_->corrupted)
    state_->corrupted = tokens_of(second_prompt(state_->input, state_->parameters), state_->context,
                                  "case '" + id() + "'");
  return *state_->corrupted;
}

Target Case::target() const {
  return given_target(state_->input, state_->parameters, model()).value_or(Target::model());
}

/// Fields of the case beyond those that lensbench reads itself.
std::optional<std::string> Case::field(const std::string& name) const {
  const auto found = state_->input.fields.find(name);
  return found == state_->input.fields.end() ? std::nullopt : std::optional(found->second);
}

Request Case::request(Parameters parameters) const {
  Request request(tokens());
  request.set_seed(seed()).set_fields(state_->input.fields);
  if (const auto* pictures = picture_prompts_of(model(), id()))
    request.set_pictures(pictures->pictures(id()));
  // The case's own fields count more than the parameters of the tool, and these more than those of
  // the experiment.
  const SecondPrompt of_tool = second_prompt(state_->input, parameters);
  if (of_tool.is_given())
    request.set_corrupted(tokens_of(of_tool, state_->context, "case '" + id() + "'"));
  else if (has_corrupted())
    request.set_corrupted(corrupted());
  auto target = given_target(state_->input, parameters, model());
  if (!target) target = given_target(state_->input, state_->parameters, model());
  if (target) request.set_target(*target);
  request.set_parameters(std::move(parameters));
  return request;
}

Context& Case::context_of(const std::shared_ptr<const Model>& model) const {
  return ContextAccess::of_model(state_->context, model);
}

std::int64_t Case::pass() const {
  return state_->pass;
}

/// An experiment that reads earlier results in its first pass has a mistake in its logic.
const Summary& Case::earlier() const {
  if (state_->earlier == nullptr)
    throw UsageError("case '" + id() +
                     "': the first pass has no earlier results; use Case::earlier when pass() is 1 "
                     "or more");
  return *state_->earlier;
}

/// Checked when it is saved, so that the error names the expression that made the result.
void Case::save(const std::string& name, Dataset dataset) {
  check_result_name(name);
  check_result(dataset, "dataset '" + name + "'");
  if (!state_->saved.emplace(name, std::move(dataset)).second)
    throw SaveError("case '" + id() + "' saved '" + name +
                    "' twice; give each dataset its own name");
}

Case CaseAccess::make(std::int64_t index, const CaseInput& input, Context& context,
                      const Parameters& parameters, std::int64_t pass, const Summary* earlier) {
  std::unique_ptr<Case::State> state(
      new Case::State{index, input, context, parameters, pass, earlier});
  const bool has_prompt = !input.text.empty() || !input.ids.empty();
  if (has_prompt) state->tokens = tokens_of(input, context);
  return Case(std::move(state));
}

const std::map<std::string, Dataset>& CaseAccess::saved(const Case& c) {
  return c.state_->saved;
}

}  // namespace lensbench
