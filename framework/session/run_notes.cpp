#include "session/run_notes.hpp"

#include <algorithm>
#include <optional>

#include "core/text/suggest.hpp"
#include "model/forward/transformer_model.hpp"

// Sentences about a run that are not errors: circumstances that a reader of the results should
// know.

namespace lensbench {
namespace {

std::string cases_text(std::int64_t count) {
  return std::to_string(count) + (count == 1 ? " case" : " cases");
}

// Rotary positions do not end, but a model was trained up to one.
std::optional<std::string> note_on_length(const TransformerSpec& spec,
                                          const std::vector<CasePlan>& cases) {
  const std::int64_t trained = spec.max_positions;
  const auto is_long = [&](const CasePlan& one) { return one.n_tokens > trained; };
  const auto longer = std::count_if(cases.begin(), cases.end(), is_long);
  // Learned positions end at the trained length, so that longer cases fail with an error of their
  // own.
  if (longer == 0 || position_limit(spec) <= trained) return std::nullopt;
  const auto first = std::find_if(cases.begin(), cases.end(), is_long);
  return cases_text(longer) + (longer == 1 ? " is" : " are") + " longer than the " +
         std::to_string(trained) + " positions that the model was made for; the first is '" +
         first->id + "' with " + std::to_string(first->n_tokens) + " tokens";
}

/// The set of factors of each case of a longrope model, which transformers chooses in the same way:
/// by the number of tokens, and again when a generated text has grown beyond the limit.
std::optional<std::string> note_on_factors(const TransformerSpec& spec, std::int64_t new_tokens,
                                           const std::vector<CasePlan>& cases) {
  if (!spec.rope || spec.rope->scaling != RopeSpec::Scaling::longrope) return std::nullopt;
  // Phi-3.5-MoE rotates by the short factors at any length.
  if (spec.rope->long_factor == spec.rope->short_factor) return std::nullopt;
  const std::int64_t limit = spec.rope->original_max_positions;
  const auto longer_with = [&](std::int64_t added) {
    return std::count_if(cases.begin(), cases.end(),
                         [&](const CasePlan& one) { return one.n_tokens + added > limit; });
  };
  const std::int64_t longer = longer_with(0), shorter = std::ssize(cases) - longer;
  // The last new token is not run.
  const std::int64_t growing = longer_with(std::max<std::int64_t>(0, new_tokens - 1)) - longer;
  std::vector<std::string> parts;
  const auto add = [&](std::int64_t count, const char* what, const char* one, const char* more,
                       const char* factors) {
    if (count > 0)
      parts.push_back(cases_text(count) + what + std::to_string(limit) + " tokens " +
                      (count == 1 ? one : more) + factors);
  };
  add(shorter, " of at most ", "rotates", "rotate", " by short_factor");
  add(longer, " of more than ", "rotates", "rotate", " by long_factor");
  add(growing, " that may grow beyond ", "changes", "change", " to long_factor there");
  return "rotary scaling longrope: " + join(parts, "; ");
}

/// Interventions belong to the model of the run; a comparison with another one would otherwise be
/// taken for a comparison of two changed models.
std::optional<std::string> note_on_other_models(const Parameters& parameters,
                                                std::size_t interventions) {
  if (interventions == 0) return std::nullopt;
  std::vector<std::string> names;
  for (const ParameterInfo& parameter : parameters.declared())
    if ((parameter.type == ParameterType::model || parameter.type == ParameterType::models) &&
        parameters.is_set(parameter.name))
      names.push_back("'" + parameter.name + "'");
  if (names.empty()) return std::nullopt;
  return "interventions act on the model of the run alone, not on those of " + join(names, ", ");
}

}  // namespace

std::vector<std::string> notes_on_run(const Model& model, const Parameters& parameters,
                                      const std::vector<CasePlan>& cases,
                                      std::size_t interventions) {
  constexpr const char* kNewTokens = "max_new_tokens";
  const bool declared = parameters.declares(kNewTokens) && parameters.is_set(kNewTokens);
  const std::int64_t new_tokens = declared ? parameters.integer(kNewTokens) : 0;
  std::vector<std::string> notes;
  const auto add = [&](std::optional<std::string> note) {
    if (note) notes.push_back(std::move(*note));
  };
  if (new_tokens > 0) notes = generation_notes_of(model);
  add(note_on_length(model.spec(), cases));
  add(note_on_factors(model.spec(), new_tokens, cases));
  add(note_on_other_models(parameters, interventions));
  return notes;
}

}  // namespace lensbench
