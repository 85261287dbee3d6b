#pragma once

#include <lensbench/context.hpp>
#include <lensbench/tools/tuned_lens.hpp>
#include <string>

#include "translators.hpp"

namespace lensbench::tuned {

/// A prompt read through a lens, with the variables, checks and attributes of a reading.
/// \throws UsageError for an empty prompt or top_k outside 1..vocabulary
Dataset read_prompt(Context& context, const Tokens& tokens, const Translators& translators,
                    const TunedLensOptions& options);

/// Compares a lens with the logit lens on the prompts of the run, or on windows that the model
/// samples if they have fewer than 8 tokens.
/// \param source  name of the lens in messages
/// \throws InputError if the lens is worse at most layers
void check_lens(Context& context, const Translators& translators, const Tokens& tokens,
                const std::string& source);

}  // namespace lensbench::tuned
