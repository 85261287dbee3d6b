#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/forward/forward_state.hpp"
#include "model/forward/per_head_inputs.hpp"

namespace lensbench {

/// Self-attention of one block with its hook points, including output projection and bias.
/// Scores exist for a few queries at a time, unless a hook needs scores or pattern.
/// \param masks  masks made so far; the call adds those it needs
/// \param x      [batch, pos, d_model]
/// \param own    inputs of single heads that hooks changed
/// \return [batch, pos, d_model]
at::Tensor attention(const ForwardState& state, MaskCache& masks, std::int64_t layer,
                     const at::Tensor& x, const PerHeadInputs& own = {});

}  // namespace lensbench
