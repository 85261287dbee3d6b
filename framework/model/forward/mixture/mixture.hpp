#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/forward/forward_state.hpp"

namespace lensbench {

/// MLP of a block as a mixture of experts (see MlpSpec). Only experts that a position chose or that
/// have a hook are computed. The router's softmax is always float32, as in transformers, except in
/// SparseMixer.
/// \param x [batch, pos, d_model] \return the same shape
at::Tensor mixture(const ForwardState& state, std::int64_t layer, const at::Tensor& x);

}  // namespace lensbench
