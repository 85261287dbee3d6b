#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/spec.hpp>

#include "model/forward/forward_state.hpp"

namespace lensbench {

/// gelu: x Φ(x); gelu_tanh: its tanh approximation (Hendrycks and Gimpel, arXiv:1606.08415);
/// quick_gelu: x σ(1.702 x); silu: x σ(x).
at::Tensor activate(Activation activation, const at::Tensor& x);

/// act(x · W_in + b_in) · W_out + b_out, or act(x · W_gate) * (x · W_in) · W_out when gated; or a
/// mixture of such (mixture.hpp). \param x [batch, pos, d_model] \return the same shape
at::Tensor mlp(const Run& run, std::int64_t layer, const at::Tensor& x);

}  // namespace lensbench
