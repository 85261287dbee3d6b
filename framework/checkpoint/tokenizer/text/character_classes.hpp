#pragma once

namespace lensbench {

// Character classes of Hugging Face `tokenizers`, which follow Unicode 8 and 9: characters assigned
// later are in none of them.

/// Whether BertNormalizer drops a character as invisible: control, format and private-use
/// characters and U+FFFD, but not tab, line feed and carriage return.
bool is_invisible(char32_t character);
/// Whether a character has the general category Mn, which BertNormalizer drops as an accent.
bool is_nonspacing_mark(char32_t character);
/// Whether a character has a general category M*, which the StripAccents normalizer drops.
bool is_mark(char32_t character);
/// Whether a character is ASCII punctuation, an ASCII symbol, or of a general category P*.
bool is_punctuation(char32_t character);

}  // namespace lensbench
