#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/forward/forward_state.hpp"

namespace lensbench {

struct Heads {
  at::Tensor q;  ///< [batch, head, pos, d_head], rotated
  at::Tensor k;  ///< [batch, kv_head, all pos, d_head], rotated, cached positions first
  at::Tensor v;
};

/// softmax(scale * q·kᵀ + mask) · v, with the hook points of scores and pattern.
/// \param masks  masks made so far; the call adds those it needs
/// \return z [batch, pos, head, d_head]; 0 at padded positions
at::Tensor attend(const ForwardState& state, MaskCache& masks, std::int64_t layer,
                  const Heads& heads);

}  // namespace lensbench
