#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <lensbench/model.hpp>
#include <vector>

#include "common/repeated_tokens.hpp"

namespace induction_heads {

/// Kinds of heads that are looked for, in the order of `scores_of`.
inline constexpr std::array<const char*, 3> kDetectors = {"previous_token", "duplicate_token",
                                                          "induction"};

/// A random sequence that repeats itself, and its control.
struct Sequence {
  std::vector<std::int64_t> ids;      ///< start token, then the copies
  std::vector<std::int64_t> control;  ///< the sequence with every copy but the first shuffled
};

/// Draws a sequence. \param stream  stream of Philox, one for each sequence
Sequence draw_sequence(const lensbench::Model& model, const common::RepeatedForm& form,
                       std::uint64_t seed, std::uint64_t stream);

/// Mean weight that each head puts on the keys of each detector, over the queries in all copies but
/// the first. By position in the form, whatever the tokens are: the key before the query
/// (previous_token), the places of the query in earlier copies (duplicate_token), and the places
/// after these (induction).
/// \param pattern  [block, head, query, key]
/// \return [detector, block, head] float64
at::Tensor scores_of(const at::Tensor& pattern, const common::RepeatedForm& form);

/// -ln probability of every token from the tokens before it; NaN for the first one.
/// \param residual  [sequence, position, d_model] after the last block
/// \param ids       [sequence][position]
/// \return [sequence, position] float64, nats
at::Tensor losses_of(const lensbench::Model& model, const at::Tensor& residual,
                     const std::vector<std::vector<std::int64_t>>& ids);

/// Mean loss in the first copy minus mean loss in the later ones, without the first token of each,
/// which nothing announces.
/// \param losses  [sequence, position]
/// \return [sequence] float64, nats
at::Tensor repeat_gain(const at::Tensor& losses, const common::RepeatedForm& form);

/// Batch of sequences of equal length.
lensbench::TokenBatch batch_of(const std::vector<std::vector<std::int64_t>>& ids);

}  // namespace induction_heads
