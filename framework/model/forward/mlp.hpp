#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/spec.hpp>

#include "model/forward/forward_state.hpp"

namespace lensbench {

/// Activation function. gelu: x Φ(x); gelu_tanh: its tanh approximation (Hendrycks and Gimpel,
/// arXiv:1606.08415); quick_gelu: x σ(1.702 x); silu: x σ(x).
at::Tensor activate(Activation activation, const at::Tensor& x);

/// MLP of a block: act(x · W_in + b_in) · W_out + b_out, if gated act(x · W_gate) * (x · W_in) ·
/// W_out, or a mixture of these (mixture.hpp). \param x [batch, pos, d_model] \return the same
/// shape
at::Tensor mlp(const ForwardState& state, std::int64_t layer, const at::Tensor& x);

}  // namespace lensbench
