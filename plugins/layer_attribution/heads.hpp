#pragma once

#include <ATen/core/Tensor.h>

#include "direction.hpp"

namespace lensbench::attribution {

/// Contribution of each attention head of one block: z_h W_O[h] · direction.
/// The direction is multiplied by W_O first, so [token, head, d_model] is never allocated.
/// \param z    [token, head, d_head], `attn.hook_z`
/// \param w_o  [head, d_head, d_model]
/// \return [token, head, d_head] float64; its sum over d_head is the head's contribution, and its
///   absolute sum the size of the terms
at::Tensor head_terms(const LogitDirection& direction, const at::Tensor& z, const at::Tensor& w_o);

/// Contribution of a bias that is added at every token, such as `attn.b_O`.
/// \param bias  [d_model] or undefined \return [token] float64, zeros without a bias
at::Tensor bias_contribution(const LogitDirection& direction, const at::Tensor& bias);

/// Sum of the absolute values of the terms of `bias_contribution`, [token] float64.
at::Tensor bias_size(const LogitDirection& direction, const at::Tensor& bias);

}  // namespace lensbench::attribution
