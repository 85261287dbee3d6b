#pragma once

#include <cstdint>
#include <lensbench/random.hpp>
#include <vector>

namespace lensbench::interchange {

/// Tokens that stand for the expected ones where labels mean nothing: each different answer becomes
/// another token of the vocabulary, which no pair expects, so that pairs that had one answer still
/// do (after the control tasks of Arora et al., arXiv:2402.12560).
/// \param expected    [pair] token
/// \param vocab_size  number of tokens
/// \throws UsageError for a vocabulary without enough other tokens
std::vector<std::int64_t> arbitrary_labels(const std::vector<std::int64_t>& expected,
                                           std::int64_t vocab_size, Philox& random);

/// For each pair one of the same part whose source is another prompt, has another value and leads
/// to another answer: the first in a random order of its own. \param part      [pair] pairs of
/// different parts, and of part -1, are not paired \param sources   [pair] number of the source
/// prompt \param values    [pair] number of the variable's value \param expected  [pair] token
/// \return [pair] number of a pair; -1: there is none
std::vector<std::int64_t> placebo_sources(const std::vector<std::int64_t>& part,
                                          const std::vector<std::int64_t>& sources,
                                          const std::vector<std::int64_t>& values,
                                          const std::vector<std::int64_t>& expected,
                                          Philox& random);

}  // namespace lensbench::interchange
