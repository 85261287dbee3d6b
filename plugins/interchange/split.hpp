#pragma once

#include <cstdint>
#include <lensbench/random.hpp>
#include <lensbench/tools/interchange.hpp>
#include <vector>

namespace lensbench::interchange {

/// Number of each prompt, in order of its first use: those of the bases, then those of the sources.
struct PromptNumbers {
  std::vector<std::int64_t> base, source;  ///< [pair]
  std::int64_t count = 0;
};
PromptNumbers number_prompts(const std::vector<InterchangePair>& pairs);

/// Splits pairs so that no prompt is in a training pair and in a test pair, as base or as source.
/// Pairs that share prompts stay together; where they all do, the prompts are dealt out, and a pair
/// whose prompts are on both sides is left out. Parts that the pairs have themselves are kept.
/// \param values  number of the variable's value of each pair, 0 to n_values - 1, which both parts
///   get in about equal shares
/// \return of each pair 0: training, 1: test, -1: left out
/// \throws UsageError if a part is empty, if only some pairs have a part of their own, or if a
///   prompt is in both
std::vector<std::int64_t> split_pairs(const std::vector<InterchangePair>& pairs,
                                      const std::vector<std::int64_t>& values,
                                      std::int64_t n_values, Philox& random);

/// Number of prompts that are in a training pair and in a test pair.
std::int64_t prompts_on_both_sides(const std::vector<InterchangePair>& pairs,
                                   const std::vector<std::int64_t>& part);

}  // namespace lensbench::interchange
