#include "token_analyzer/vocabulary.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <string>

namespace lensbench::token_analysis {
namespace {

[[noreturn]] void refuse(const std::string& difference) {
  throw UsageError("token_analyzer: the two models have different vocabularies: " + difference +
                   "; compare models that share one tokenizer");
}

/// Bytes are compared, not texts: two byte tokens may have the same text.
void require_same_token(const Tokenizer& own, const Tokenizer& other, std::int64_t id) {
  const bool same =
      own.token_bytes(id) == other.token_bytes(id) && own.is_special(id) == other.is_special(id);
  if (!same)
    refuse("token " + std::to_string(id) + " is '" + own.token_text(id) + "' in this model and '" +
           other.token_text(id) + "' in the other");
}

}  // namespace

void require_same_vocabulary(const Model& own, const Model& other) {
  const std::int64_t size = own.spec().vocab_size;
  if (size != other.spec().vocab_size)
    refuse(std::to_string(size) + " tokens in this model and " +
           std::to_string(other.spec().vocab_size) + " in the other");
  const auto own_tokenizer = own.tokenizer();
  const auto other_tokenizer = other.tokenizer();
  // Without two tokenizers only the sizes can be compared.
  if (!own_tokenizer || !other_tokenizer) return;
  // The larger of both, so that a token that one lacks is found.
  const std::int64_t count = std::max(own_tokenizer->size(), other_tokenizer->size());
  for (std::int64_t id = 0; id < count; ++id)
    require_same_token(*own_tokenizer, *other_tokenizer, id);
}

}  // namespace lensbench::token_analysis
