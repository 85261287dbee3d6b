#pragma once

#include <cstdint>
#include <lensbench/experiment.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lensbench {

/// Second prompt of a case, as text or ids.
struct SecondPrompt {
  std::string text;
  std::vector<std::int64_t> ids;

  bool is_given() const { return !text.empty() || !ids.empty(); }
};

/// Tokens of the prompt of a case. \throws UsageError under the conditions of `to_tokens`
Tokens tokens_of(const CaseInput& input, const Context& context);

/// Token ids of `1 2 3`, `1,2,3` or the JSON array `[1, 2, 3]`.
/// \param text     the ids
/// \param subject  what has the ids, for messages: `field 'corrupted_ids'`
/// \throws UsageError for anything else
std::vector<std::int64_t> parse_ids(const std::string& text, const std::string& subject);

/// Second prompt of a case: its field `corrupted` or `corrupted_ids`, else the parameter of that
/// name; not given if there is neither.
/// \throws UsageError if both forms are given, or for ids that are not numbers
SecondPrompt second_prompt(const CaseInput& input, const Parameters& parameters);

/// Makes the prompts of these cases the reference prompts of a context. A case that cannot be
/// tokenized, or is longer than the model's positions, is left out.
void set_reference_cases(Context& context, const std::vector<CaseInput>& cases);

/// Tokens of a second prompt. \param subject  for messages: `case 'prompt-1'`
/// \throws UsageError if the prompt is not given or cannot be tokenized
Tokens tokens_of(const SecondPrompt& prompt, const Context& context, const std::string& subject);

/// Target from field `target` of the case, else from the parameter `target`; empty if neither is
/// set. \throws UsageError under the conditions of `parse_target`
std::optional<Target> given_target(const CaseInput& input, const Parameters& parameters,
                                   const Model& model);

}  // namespace lensbench
