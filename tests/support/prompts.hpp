#pragma once

#include <cstdint>
#include <lensbench/tokens.hpp>
#include <utility>
#include <vector>

namespace lensbench::testing {

/// A prompt of token ids, without texts.
inline Tokens prompt_of(std::vector<std::int64_t> ids) {
  Tokens tokens;
  tokens.ids = std::move(ids);
  return tokens;
}

}  // namespace lensbench::testing
