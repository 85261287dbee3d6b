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

/// Whether, beyond original_max_positions, the angles of a position depend on how long the sequence
/// is: all that was computed for a shorter one is then no longer right.
bool depends_on_length(const RopeSpec& spec);

/// Inverse frequencies [rotary_dim / 2], float32 as Hugging Face computes them
/// (`modeling_rope_utils.py`, transformers 5).
/// \param length  positions of the sequence, used by dynamic scaling only
at::Tensor inverse_frequencies(const RopeSpec& spec, std::int64_t length);

/// What cosine and sine are multiplied by (YaRN, arXiv:2309.00071; 1 otherwise).
double attention_factor(const RopeSpec& spec);

/// \param positions [batch or 1, pos] int64, each row counting from 0 to its own last position
RopeTable rope_table(const RopeSpec& spec, const at::Tensor& positions);

/// Rotates the leading rotary_dim of the last dimension.
/// \param x [batch, head, pos, d_head] \return the same, contiguous unless interleaved
at::Tensor rotate(const RopeSpec& spec, const RopeTable& table, const at::Tensor& x);

}  // namespace lensbench
