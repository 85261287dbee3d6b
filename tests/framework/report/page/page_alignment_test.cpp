// Alignment of the tokens of two cases on a page of a comparison.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "browser/made_values.hpp"
#include "report/page/compare.hpp"

namespace lensbench {
namespace {

/// The length of the longest common subsequence, by recursion over all choices.
std::size_t common_length(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b,
                          std::size_t i = 0, std::size_t j = 0) {
  if (i == a.size() || j == b.size()) return 0;
  if (a[i] == b[j]) return 1 + common_length(a, b, i + 1, j + 1);
  return std::max(common_length(a, b, i + 1, j), common_length(a, b, i, j + 1));
}

TEST(PageAlignment, IsALongestCommonSubsequence) {
  made::Noise from(9);
  for (int draw = 0; draw < 300; ++draw) {
    std::vector<std::int64_t> a, b;
    for (std::int64_t i = from.below(8); i > 0; --i) a.push_back(from.below(3));
    for (std::int64_t i = from.below(8); i > 0; --i) b.push_back(from.below(3));
    std::size_t next_a = 0, next_b = 0, equal = 0;
    for (const auto& [i, j] : page::aligned_tokens(a, b)) {
      if (i >= 0) {
        EXPECT_EQ(static_cast<std::size_t>(i), next_a++);
      }
      if (j >= 0) {
        EXPECT_EQ(static_cast<std::size_t>(j), next_b++);
      }
      if (i < 0 || j < 0) continue;
      EXPECT_EQ(a[static_cast<std::size_t>(i)], b[static_cast<std::size_t>(j)]);
      ++equal;
    }
    EXPECT_EQ(next_a, a.size());
    EXPECT_EQ(next_b, b.size());
    EXPECT_EQ(equal, common_length(a, b));
  }
}

}  // namespace
}  // namespace lensbench
