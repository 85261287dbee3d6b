#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/forward/forward_state.hpp"

namespace lensbench {

/// The new keys and values of a block after those of earlier positions, from the prefix and from
/// the cache, which keeps the new ones. In latent attention the keys are its vectors, the values
/// the rotated parts of its keys.
/// \param keys, values [batch, kv_head, pos, …] \return [batch, kv_head, all pos, …]
CacheAccess::State::Layer with_past(const ForwardState& state, std::int64_t layer,
                                    const at::Tensor& keys, const at::Tensor& values);

}  // namespace lensbench
