#include "checkpoint/tokenizer/models/byte_token.hpp"

#include <charconv>
#include <cstdio>

#include "checkpoint/tokenizer/text/aligned_text.hpp"

// Tokens for single bytes, `<0x00>` to `<0xFF>`, which SentencePiece uses for characters without a
// token. The hexadecimal digits are capital letters in vocabularies.

namespace lensbench {

std::array<std::int64_t, 256> byte_token_ids(const Vocabulary& vocabulary) {
  std::array<std::int64_t, 256> ids;
  for (unsigned byte = 0; byte < 256; ++byte) {
    char token[8];
    std::snprintf(token, sizeof token, "<0x%02X>", byte);
    ids[byte] = vocabulary.id_of(token).value_or(kNoToken);
  }
  return ids;
}

std::optional<char> byte_of_token(std::string_view token) {
  // Six characters exactly, so that a token that only looks similar is a text.
  if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with(">")) return std::nullopt;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, value, 16);
  if (error != std::errc() || end != token.data() + 5) return std::nullopt;
  return static_cast<char>(value);
}

}  // namespace lensbench
