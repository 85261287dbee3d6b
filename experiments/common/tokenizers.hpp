#pragma once

#include <lensbench/model.hpp>
#include <string>

namespace common {

/// Difference between the tokenizers of two models, in words: `its tokenizer has 2000 tokens,
/// expected 2048`. Empty if they have the same tokens under the same ids, or both lack one.
inline std::string tokenizer_difference(const lensbench::Model& expected,
                                        const lensbench::Model& found) {
  const auto ours = expected.tokenizer(), theirs = found.tokenizer();
  if (ours == nullptr && theirs == nullptr) return "";
  if (ours == nullptr || theirs == nullptr) return "one of them lacks a tokenizer";
  if (ours->size() != theirs->size())
    return "its tokenizer has " + std::to_string(theirs->size()) + " tokens, expected " +
           std::to_string(ours->size());
  for (std::int64_t id = 0; id < ours->size(); ++id)
    if (ours->token_bytes(id) != theirs->token_bytes(id))
      return "token " + std::to_string(id) + " of its tokenizer is '" + theirs->token_text(id) +
             "', expected '" + ours->token_text(id) + "'";
  return "";
}

}  // namespace common
