#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/run.hpp"

namespace lensbench {

/// Self-attention of one layer with its hook points, output projection and bias included.
/// Scores exist for a block of queries at a time, unless a hook asks for scores or pattern.
/// \param x [batch, pos, d_model] \return the same shape
at::Tensor attention(Run& run, std::int64_t layer, const at::Tensor& x);

}  // namespace lensbench
