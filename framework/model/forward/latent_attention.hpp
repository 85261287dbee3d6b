#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/forward/attention_core.hpp"
#include "model/forward/forward_state.hpp"

namespace lensbench {

/// Queries of the new positions, keys and values of all positions of latent attention (see
/// LatentAttention), with their hook points. Prefix and cache hold the vectors that keys and values
/// are made of, and the rotated parts of the keys; the keys and values are made anew in each
/// forward.
/// \param x [batch, pos, d_model] \return [batch, head, pos, d_head or d_value]
Heads latent_heads(const ForwardState& state, std::int64_t layer, const at::Tensor& x);

}  // namespace lensbench
