#include "bench/input/prompt_tokens.hpp"

#include <lensbench/error.hpp>

namespace lensbench {

Tokens PromptTokens::of(const std::string& text) {
  const auto found = results_.find(text);
  if (found == results_.end()) return tokenized(text);
  const Result& known = found->second;
  if (known.error) std::rethrow_exception(known.error);
  Tokens tokens = tokens_from_ids(*model_, {known.ids.begin(), known.ids.end()});
  tokens.text = text;
  tokens.bos_added = known.bos_added;
  return tokens;
}

Tokens PromptTokens::tokenized(const std::string& text) {
  try {
    Tokens tokens = to_tokens(*model_, text);
    results_[text] = {{tokens.ids.begin(), tokens.ids.end()}, tokens.bos_added};
    return tokens;
  } catch (const Error&) {
    results_[text].error = std::current_exception();
    throw;
  }
}

}  // namespace lensbench
