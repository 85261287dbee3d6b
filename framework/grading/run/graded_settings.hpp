#pragma once

#include <lensbench/parameters.hpp>
#include <map>
#include <string>
#include <vector>

#include "grading/truth/truth.hpp"

namespace lensbench::grading {

/// Parses `KEY=VALUE,...`; a part without `=` continues the value before, so that values may be
/// lists: `direction=noise,points=attn_out,mlp_out`.
/// \param subject  named in messages
/// \throws UsageError for a text that does not begin with a key
Settings parse_settings(const std::string& text, const std::string& subject);

/// Field of a prompt as the text of a parameter: `answer`, `foil`, `position`, `corrupted_ids`,
/// `ids`, or `sources.NAME`. Empty if the prompt does not have it.
/// \throws UsageError for another field
std::string field_text(const PromptPair& prompt, const std::string& field);

/// Settings of a tool for one prompt: fields of the prompt for parameters of their names, then
/// `settings`, then what `bind` says (parameter -> field).
Settings bound_settings(const std::vector<ParameterInfo>& declared, const PromptPair& prompt,
                        const Settings& settings, const std::map<std::string, std::string>& bind);

}  // namespace lensbench::grading
