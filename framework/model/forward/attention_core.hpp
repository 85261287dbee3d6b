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

/// softmax(scale * q·kᵀ + mask) · v with the hooks of scores and pattern.
/// \return z [batch, pos, head, d_head]; 0 at padded positions
at::Tensor attend(Run& run, std::int64_t layer, const Heads& heads);

}  // namespace lensbench
