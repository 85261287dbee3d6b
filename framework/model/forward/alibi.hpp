#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/spec.hpp>

namespace lensbench {

/// Slope of each head (Press et al., arXiv:2108.12409). For a power of two n: the geometric
/// sequence that starts at 2^(-8/n) with that ratio. For other n, as in the authors' code: the
/// sequence of the next smaller power of two, then every second slope of the next larger one.
/// \return [n_heads] float32
at::Tensor alibi_slopes(std::int64_t n_heads);

/// Term that each head adds to its scores at each key, rounded where transformers rounds.
/// \param dtype      element type of the model
/// \param positions  [batch or 1, key] int64
/// \return [batch or 1, head, key] float32
at::Tensor alibi_bias(const TransformerSpec& spec, at::ScalarType dtype,
                      const at::Tensor& positions);

}  // namespace lensbench
