#include "bench/case_input.hpp"

#include <lensbench/error.hpp>
#include <utility>

#include "bench/access/context_access.hpp"
#include "bench/input/picture_prompts.hpp"
#include "core/parameters/value_check.hpp"

namespace lensbench {
namespace {

/// Value of a field or parameter; empty if it is not given, which counts as absent everywhere here.
std::string field_of(const CaseInput& input, const char* name) {
  const auto found = input.fields.find(name);
  return found == input.fields.end() ? "" : found->second;
}

std::string value_of(const Parameters& parameters, const char* name) {
  const auto found = parameters.values().find(name);
  return found == parameters.values().end() ? "" : found->second;
}

/// Text and ids together could contradict each other.
SecondPrompt read(const std::string& text, const std::string& ids, const std::string& subject) {
  if (!text.empty() && !ids.empty())
    throw UsageError(subject + ": 'corrupted' and 'corrupted_ids' are both given; give one");
  SecondPrompt prompt;
  prompt.text = text;
  if (!ids.empty()) prompt.ids = parse_ids(ids, subject + ": 'corrupted_ids'");
  return prompt;
}

/// Reference prompts for means and resampling: a case that cannot be tokenized is not a reason to
/// fail the others.
std::vector<Tokens> tokens_of(const std::vector<CaseInput>& cases, const Context& context) {
  std::vector<Tokens> prompts;
  for (const CaseInput& input : cases) {
    try {
      Tokens prompt = tokens_of(input, context);
      if (prompt.size() <= position_limit(context.model().spec()))
        prompts.push_back(std::move(prompt));
    } catch (const Error&) {
      // This case fails when it runs, with the reason.
    }
  }
  return prompts;
}

}  // namespace

/// Ids with or without brackets, separated by commas or blanks, as other programs print them.
std::vector<std::int64_t> parse_ids(const std::string& text, const std::string& subject) {
  std::string list = text;
  if (!list.empty() && list.front() == '[' && list.back() == ']')
    list = list.substr(1, list.size() - 2);
  for (char& c : list)
    if (c == ' ' || c == '\t' || c == '\n') c = ',';
  std::vector<std::int64_t> ids;
  for (const auto& item : split_list(list)) {
    const auto id = parse_integer(item);
    if (!id)
      throw UsageError(subject + " is '" + text + "', expected token ids such as 1 2 3; '" + item +
                       "' is not a number");
    ids.push_back(*id);
  }
  if (ids.empty())
    throw UsageError(subject + " is '" + text + "', expected token ids such as 1 2 3");
  return ids;
}

Tokens tokens_of(const CaseInput& input, const Context& context) {
  if (const auto* pictures = picture_prompts_of(context.model(), input.id))
    return pictures->tokens(input.id);
  return input.ids.empty() ? context.tokens_of(input.text)
                           : tokens_from_ids(context.model(), input.ids);
}

/// The prompts are tokenized only when a tool asks for them, and without their other fields.
void set_reference_cases(Context& context, const std::vector<CaseInput>& cases) {
  std::vector<CaseInput> prompts;
  prompts.reserve(cases.size());
  for (const CaseInput& input : cases) prompts.push_back({input.id, input.text, input.ids, {}});
  ContextAccess::set_reference_prompts(
      context, [prompts = std::move(prompts), &context] { return tokens_of(prompts, context); });
}

/// The field of the case wins over the parameter, which is the same for all cases.
SecondPrompt second_prompt(const CaseInput& input, const Parameters& parameters) {
  const SecondPrompt own = read(field_of(input, "corrupted"), field_of(input, "corrupted_ids"),
                                "case '" + input.id + "'");
  if (own.is_given()) return own;
  return read(value_of(parameters, "corrupted"), value_of(parameters, "corrupted_ids"),
              parameters.subject());
}

Tokens tokens_of(const SecondPrompt& prompt, const Context& context, const std::string& subject) {
  if (!prompt.is_given())
    throw UsageError(
        subject +
        ": the question compares two prompts, but the second is missing; give the case "
        "a field 'corrupted' (text) or 'corrupted_ids', or set the parameter of that "
        "name");
  return prompt.ids.empty() ? context.tokens_of(prompt.text)
                            : tokens_from_ids(context.model(), prompt.ids);
}

/// Target of the case, else of the run; without both the caller decides.
std::optional<Target> given_target(const CaseInput& input, const Parameters& parameters,
                                   const Model& model) {
  std::string text = field_of(input, "target");
  if (text.empty()) text = value_of(parameters, "target");
  return text.empty() ? std::nullopt : std::optional(parse_target(model, text));
}

}  // namespace lensbench
