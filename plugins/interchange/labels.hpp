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

}  // namespace lensbench::interchange
