#pragma once

// Attention heads by name and by score.

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <compare>
#include <cstdint>
#include <lensbench/statistics.hpp>
#include <string>
#include <vector>

namespace common {

/// An attention head.
struct Head {
  std::int64_t block = 0;
  std::int64_t index = 0;
  auto operator<=>(const Head&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// `L5H1`.
inline std::string name_of(const Head& head) {
  return "L" + std::to_string(head.block) + "H" + std::to_string(head.index);
}

/// All heads, the one with the largest score first; equal ones by block and index.
/// \param scores  [block, head]
inline std::vector<Head> by_score(const at::Tensor& scores) {
  std::vector<Head> heads;
  heads.reserve(static_cast<std::size_t>(scores.numel()));
  for (std::int64_t block = 0; block < scores.size(0); ++block)
    for (std::int64_t head = 0; head < scores.size(1); ++head) heads.push_back({block, head});
  const auto values = lensbench::statistics::values_of(scores);
  const auto score = [&](const Head& head) {
    return values[static_cast<std::size_t>(head.block * scores.size(1) + head.index)];
  };
  std::stable_sort(heads.begin(), heads.end(),
                   [&](const Head& a, const Head& b) { return score(a) > score(b); });
  return heads;
}

}  // namespace common
