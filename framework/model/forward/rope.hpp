#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/spec.hpp>

namespace lensbench {

/// Cosine and sine of every rotation angle, attention factor included.
struct RopeTable {
  at::Tensor cos;  ///< [batch or 1, 1, pos, rotary_dim / 2] float32
  at::Tensor sin;
};

/// Whether the angles of a position depend on how long the sequence is.
bool depends_on_length(const RopeSpec& spec);

/// Whether what a cache holds, `held` positions of a sequence, is no longer right when it grows to
/// `length`: beyond original_max_positions dynamic scaling changes with every position; long-rope
/// changes once, there.
bool outgrows_cache(const RopeSpec& spec, std::int64_t held, std::int64_t length);

/// Inverse frequencies [rotary_dim / 2], float32 as Hugging Face computes them
/// (`modeling_rope_utils.py`, transformers 5).
/// \param length  positions of the sequence, used by dynamic and long-rope scaling only
at::Tensor inverse_frequencies(const RopeSpec& spec, std::int64_t length);

/// What cosine and sine are multiplied by (YaRN, arXiv:2309.00071; LongRoPE; 1 otherwise).
double attention_factor(const RopeSpec& spec);

/// \param positions [batch or 1, pos] int64, each row counting from 0 to its own last position
RopeTable rope_table(const RopeSpec& spec, const at::Tensor& positions);

/// Rotates the leading rotary_dim of the last dimension.
/// \param x [batch, head, pos, d_head] \return the same, contiguous unless interleaved
at::Tensor rotate(const RopeSpec& spec, const RopeTable& table, const at::Tensor& x);

}  // namespace lensbench
