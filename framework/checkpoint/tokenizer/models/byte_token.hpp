#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "checkpoint/tokenizer/models/vocabulary.hpp"

namespace lensbench {

/// Ids of the tokens `<0x00>` to `<0xFF>`, which encode text outside the vocabulary byte by byte;
/// kNoToken for bytes without a token.
std::array<std::int64_t, 256> byte_token_ids(const Vocabulary& vocabulary);

/// Byte of a token `<0xNN>`; empty for other tokens.
std::optional<char> byte_of_token(std::string_view token);

}  // namespace lensbench
