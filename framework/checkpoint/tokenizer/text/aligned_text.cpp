#include "checkpoint/tokenizer/text/aligned_text.hpp"

#include "core/text/utf8.hpp"

// Text with the origin of each of its bytes. Every step of a tokenizer rewrites the text through
// these functions, so that tokens can be traced to the text that the user gave.

namespace lensbench {

AlignedText AlignedText::from(std::string_view text) {
  AlignedText aligned;
  aligned.text = text;
  aligned.source.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text[at]);
    // All bytes of a character have the range of the whole character.
    aligned.source.insert(aligned.source.end(), length, {at, at + length});
    at += length;
  }
  return aligned;
}

void AlignedText::append(const AlignedText& other, Span range) {
  text.append(other.text, range.begin, range.end - range.begin);
  source.insert(source.end(), other.source.begin() + static_cast<std::ptrdiff_t>(range.begin),
                other.source.begin() + static_cast<std::ptrdiff_t>(range.end));
}

void AlignedText::append(char32_t character, Span origin) {
  append_utf8(text, character);
  source.resize(text.size(), origin);
}

void AlignedText::append(std::string_view characters, Span origin) {
  text.append(characters);
  source.resize(text.size(), origin);
}

/// From the beginning of the origin of the first byte to the end of that of the last one. Steps
/// keep the order of the text, so the range is not inverted.
Span AlignedText::source_of(Span range) const {
  if (range.begin >= range.end || range.end > source.size()) return range;
  return {source[range.begin].begin, source[range.end - 1].end};
}

}  // namespace lensbench
