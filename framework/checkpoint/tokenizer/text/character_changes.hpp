#pragma once

#include <vector>

#include "checkpoint/tokenizer/text/aligned_text.hpp"
#include "core/text/utf8.hpp"

namespace lensbench {

/// A character of a rewritten text. `change` relates it to the old text: 0 replaces one character,
/// 1 is an addition, -n replaces one character and consumes n more.
struct CharacterChange {
  char32_t character;
  int change;
};

/// Builds the rewritten text. A character represents the first of the characters that it replaces;
/// an added character represents what the character before it represents.
/// \param changes  CharacterChange or a type with the same members
template <class Change>
AlignedText apply_changes(const std::vector<Change>& changes, const AlignedText& before) {
  AlignedText after;
  after.text.reserve(before.text.size());
  std::size_t at = 0;
  for (const Change& change : changes) {
    const bool added = change.change > 0;
    const std::size_t from = added ? (at == 0 ? 0 : at - 1) : at;
    const Span origin = from < before.source.size() ? before.source[from] : Span{};
    after.append(static_cast<char32_t>(change.character), origin);
    for (int taken = change.change; taken <= 0 && at < before.text.size(); ++taken)
      at += utf8_length(before.text[at]);
  }
  return after;
}

}  // namespace lensbench
