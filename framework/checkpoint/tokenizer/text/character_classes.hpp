#pragma once

#include <lensbench/export.hpp>

namespace lensbench {

// Classes of characters exactly as Hugging Face `tokenizers` has them: of Unicode 8 and 9, so that
// a character assigned later belongs to none.

/// What BertNormalizer drops: control, format and private-use characters, U+FFFD; not tab, line
/// feed and carriage return.
LENSBENCH_API bool is_invisible(char32_t character);
/// General category Mn: what BertNormalizer drops as an accent.
LENSBENCH_API bool is_nonspacing_mark(char32_t character);
/// General categories M*: what the StripAccents normalizer drops.
LENSBENCH_API bool is_mark(char32_t character);
/// ASCII punctuation and symbols, and the general categories P*.
LENSBENCH_API bool is_punctuation(char32_t character);

}  // namespace lensbench
