#pragma once

#include <cstdint>
#include <lensbench/model.hpp>
#include <string>
#include <vector>

namespace lensbench::tracing {

/// Positions of the tokens that overlap a text inside the prompt, by the offsets of the tokenizer.
/// \throws UsageError if the text does not occur, or occurs more than once
std::vector<std::int64_t> subject_positions(const Model& model, const Tokens& tokens,
                                            const std::string& subject);

/// Positions counted from the start, sorted, each once.
/// \throws UsageError for none, or one outside the prompt
std::vector<std::int64_t> checked_subject(const std::vector<std::int64_t>& given,
                                          std::int64_t length);

/// Text of the prompt with the subject replaced, tokenized.
/// \throws UsageError as `subject_positions`
Tokens with_subject_replaced(const Model& model, const Tokens& tokens, const std::string& subject,
                             const std::string& replacement);

}  // namespace lensbench::tracing
