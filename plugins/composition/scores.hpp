#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "weights.hpp"

namespace lensbench::composition {

/// Input of a head through which it may read what another one wrote.
enum class Mode { query, key, value };

const char* to_string(Mode mode);  ///< `q`, `k`, `v`
/// \throws UsageError for an unknown or a repeated name
std::vector<Mode> parse_modes(const std::vector<std::string>& names);

/// OV of the heads of a block without the orthonormal factor at its left, which does not change
/// norms: with W_V = Q R, |OV X| = |R W_O X|.
struct Senders {
  at::Tensor core;  ///< [head, inner, d_model]
  at::Tensor norm;  ///< [head], |OV|
};

/// The matrix X that receives, QK, QKᵀ or OV, without the orthonormal factor at its right.
struct Receivers {
  at::Tensor core;  ///< [head, d_model, inner]
  at::Tensor norm;  ///< [head], |X|
};

Senders senders_of(const BlockHeads& heads);
Receivers receivers_of(const BlockHeads& heads, Mode mode);

/// |OV X| / (|OV| |X|) in Frobenius norms; NaN if either is 0. \return [sender, receiver]
at::Tensor scores(const Senders& senders, const Receivers& receivers);

/// Scores of all heads, [mode, sender_block, sender_head, receiver_block, receiver_head].
/// \param step  called with the number of finished pairs of blocks and the number of all
at::Tensor all_scores(const HeadWeights& weights, const std::vector<Mode>& modes,
                      const std::function<void(std::int64_t, std::int64_t)>& step);

/// Mean and standard deviation of scores.
struct Baseline {
  double mean = 0.0, deviation = 0.0;
};

/// Scores of two heads whose matrices have independent standard normal entries, drawn from streams
/// `first_stream`, `first_stream` + 1, ... of the seed.
Baseline random_scores(const TransformerSpec& spec, Mode mode, std::int64_t draws,
                       std::uint64_t seed, std::uint64_t first_stream);

}  // namespace lensbench::composition
