#pragma once

#include <cstdlib>
#include <lensbench/error.hpp>
#include <lensbench/tokenizer.hpp>
#include <string_view>

#include "checkpoint/tokenizer/formats/loader.hpp"

namespace lensbench::fuzz {

inline void use_tokenizer(const Tokenizer& tokenizer, std::string_view text) {
  const Encoding encoding = tokenizer.encode(text);
  for (const auto& [begin, end] : encoding.offsets)
    if (begin > end || end > text.size()) std::abort();
  for (const std::int64_t id : encoding.ids) {
    if (id < 0 || id >= tokenizer.size()) std::abort();
    tokenizer.token_text(id);
  }
  tokenizer.decode(encoding.ids, true);
}

/// A tokenizer.json, and after a NUL (which no JSON holds) a text for it. Both are either refused
/// with an InputError or give tokens of that tokenizer, at places in that text.
inline void read_tokenizer(std::string_view bytes) {
  const std::size_t end = bytes.find('\0');
  const std::string_view text = end == std::string_view::npos
                                    ? "The  Größe\n12,345 ﬁ\xff 中文 e\u0301\u0323 ##a <x> ▁b"
                                    : bytes.substr(end + 1);
  try {
    use_tokenizer(*parse_tokenizer_json(bytes.substr(0, end), "fuzz"), text);
  } catch (const InputError&) {
  }
}

}  // namespace lensbench::fuzz
