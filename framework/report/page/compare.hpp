#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "report/page/index.hpp"

namespace lensbench::page {

/// Pairs of equal elements of two lists by their longest common subsequence, with the elements that
/// only one list has: (index or -1, index or -1), in the order of both lists. Of lists whose
/// different middles have more than 64 million pairs, the middles are not aligned.
std::vector<std::pair<std::int32_t, std::int32_t>> aligned_tokens(
    const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b);

/// Member `comparison` of the index.
nlohmann::json comparison(const PageContent& content, BlockList& blocks);

/// `equal`, `within tolerance`, `differs`, `only in A`, `only in B`.
const char* verdict_of(Agreement agreement);

}  // namespace lensbench::page
