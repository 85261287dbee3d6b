#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "checkpoint/tokenizer/models/vocabulary.hpp"

namespace lensbench {

/// Ids of the tokens `<0x00>` to `<0xFF>`, which spell what has no token of its own; kNoToken where
/// the vocabulary lacks one.
std::array<std::int64_t, 256> byte_token_ids(const Vocabulary& vocabulary);

/// The byte of `<0xNN>`.
std::optional<char> byte_of_token(std::string_view token);

}  // namespace lensbench
