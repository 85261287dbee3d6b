#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/forward/forward_state.hpp"

namespace lensbench {

/// The MLP of a layer as a mixture of experts (see MlpSpec); only experts that some position chose
/// or a hook wants are computed. The router's softmax is float32 whatever the model's type, as in
/// transformers.
/// \param x [batch, pos, d_model] \return the same shape
at::Tensor mixture(const Run& run, std::int64_t layer, const at::Tensor& x);

}  // namespace lensbench
