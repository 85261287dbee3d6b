#pragma once

#include <vector>

#include "checkpoint/tokenizer/text/aligned_text.hpp"
#include "core/text/utf8.hpp"

namespace lensbench {

/// A character of a rewritten text. `change` counts the characters of the old text it consumes: 0
/// takes the place of one, 1 is added without one, -n takes the place of one and swallows n more.
struct CharacterChange {
  char32_t character;
  int change;
};

/// The rewritten text. A character stands for the first of the characters it consumed; an added one
/// for the same as the character before it.
/// \param changes  of CharacterChange or alike
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
