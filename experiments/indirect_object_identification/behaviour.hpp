#pragma once

#include <lensbench/experiment.hpp>
#include <vector>

#include "prompts.hpp"

namespace indirect_object_identification {

/// What the model does with prompts: logits and ranks of both names, its first choice, and the
/// logit difference of the corrupted prompts, all [prompt]; and the templates.
lensbench::Dataset measure(const lensbench::Model& model, const Form& form,
                           const std::vector<Prompt>& prompts);

/// Share of all prompts of all cases in which the logit of A is larger than that of B.
double accuracy_of(const lensbench::Summary& cases);

/// Statistics over the prompts of all cases, of all of them and by order and template.
/// \param cases  with the datasets `prompts`
lensbench::Dataset behaviour_of(const lensbench::Summary& cases);

/// Adds what the prompts say, in words.
/// \param table    result of `behaviour_of`
/// \param minimum  least accuracy of a model that does the task
/// \param heads    what was done about heads, in words
void add_findings(lensbench::Dataset& table, double minimum, const std::string& heads);

}  // namespace indirect_object_identification
