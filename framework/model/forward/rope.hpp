#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/spec.hpp>

#include "model/weights/family_settings.hpp"

namespace lensbench {

/// Cosine and sine of every rotation angle, attention factor included.
struct RopeTable {
  at::Tensor cos;  ///< [batch or 1, 1, pos, rotary_dim / 2] float32
  at::Tensor sin;
};

/// True if the angles of a position depend on the length of the sequence.
bool depends_on_length(const RopeSpec& spec);

/// True if the cached keys of `held` positions become wrong when the sequence grows to `length`.
/// Beyond original_max_positions, dynamic scaling changes the angles with every position; long-rope
/// changes them once, at that length.
bool outgrows_cache(const RopeSpec& spec, std::int64_t held, std::int64_t length);

/// Inverse frequencies [rotary_dim / 2], float32 as Hugging Face computes them
/// (`modeling_rope_utils.py`, transformers 5).
/// \param length  length of the sequence; only dynamic and long-rope scaling use it
at::Tensor inverse_frequencies(const RopeSpec& spec, std::int64_t length);

/// Factor on cosine and sine (YaRN, arXiv:2309.00071; LongRoPE; 1 otherwise).
double attention_factor(const RopeSpec& spec);

/// Rotation angles. \param positions [batch or 1, pos] int64, in each row 0 to its last position;
/// or [axis, batch or 1, pos], where the frequencies of each section follow one axis (`sections`)
RopeTable rope_table(const RopeSpec& spec, const at::Tensor& positions);

/// A table whose rows have the factor of their own length, padding not counted, on cosine and sine.
/// \param positions  those of `rope_table`, [batch or 1, pos]
RopeTable scaled_by_length(const RopeSpec& spec, const LengthFactors& factors,
                           const RopeTable& table, const at::Tensor& positions);

/// Rotates the leading rotary_dim of the last dimension.
/// \param x [batch, head, pos, d_head] \return the same, contiguous unless interleaved
at::Tensor rotate(const RopeSpec& spec, const RopeTable& table, const at::Tensor& x);

}  // namespace lensbench
