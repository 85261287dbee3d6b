#include <lensbench/error.hpp>
#include <lensbench/tool.hpp>
#include <utility>

#include "bench/case_input.hpp"

namespace lensbench {

Tool::~Tool() = default;

void Tool::check_compatible(const Model&) const {}

void Tool::check_parameters(const Parameters&) const {}

/// Requests one by one; a tool may override this with something faster.
std::vector<Dataset> Tool::run_batch(std::span<const Request> requests) {
  std::vector<Dataset> results;
  results.reserve(requests.size());
  for (const Request& request : requests) results.push_back(run(request));
  return results;
}

CostEstimate Tool::estimate(const Request&) const {
  return {};
}

std::vector<std::string> Tool::usual_hooks(const TransformerSpec&) const {
  return {};
}

bool Tool::reads_prompts() const {
  return true;
}

bool Tool::takes_batches() const {
  return false;
}

Parameters Tool::parameters(const Settings& given) const {
  return Parameters::resolve(declared_, given, subject_);
}

Dataset Tool::run(const Tokens& tokens, const Settings& given) {
  Parameters resolved = parameters(given);
  // A direct call has the seed of the context, and what its settings say about second prompt and
  // target, like a case without fields.
  Request request(tokens);
  request.set_seed(context().seed());
  if (const SecondPrompt prompt = second_prompt({}, resolved); prompt.is_given())
    request.set_corrupted(tokens_of(prompt, context(), subject_));
  if (const auto target = given_target({}, resolved, model())) request.set_target(*target);
  request.set_parameters(std::move(resolved));
  return run(request);
}

void Tool::attach(Context& context, std::vector<ParameterInfo> declared, std::string subject) {
  context_ = &context;
  declared_ = std::move(declared);
  subject_ = std::move(subject);
}

/// A tool that was made without the bench lacks a context.
Context& Tool::context() const {
  if (context_ == nullptr) throw RunError("tool: it was used before the bench attached it");
  return *context_;
}

}  // namespace lensbench
