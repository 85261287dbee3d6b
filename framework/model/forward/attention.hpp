#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/forward/forward_state.hpp"
#include "model/forward/per_head_inputs.hpp"

namespace lensbench {

/// Self-attention of one layer with its hook points, output projection and bias included.
/// Scores exist for a block of queries at a time, unless a hook asks for scores or pattern.
/// \param x    [batch, pos, d_model] \return the same shape
/// \param own  inputs that heads have of their own
at::Tensor attention(Run& run, std::int64_t layer, const at::Tensor& x, const HeadInputs& own = {});

}  // namespace lensbench
