#pragma once

#include <ATen/core/Tensor.h>

#include "model/weights/weights.hpp"

namespace lensbench {

/// Element type that sums are made in: float32 for bfloat16 and float16, else the type itself.
at::ScalarType accumulation_type(at::ScalarType dtype);

/// x · weight + bias. \param x [..., in] \return [..., out] in x's dtype
/// Reduced precision is multiplied in float32 and rounded once, as on hardware that has it.
at::Tensor linear(const at::Tensor& x, const Linear& layer);

/// Outputs begin … begin + count of a layer, a view; undefined if the layer is.
Linear columns(const Linear& whole, std::int64_t begin, std::int64_t count);

/// softcap(logit_scale * (x · weightᵀ + bias)). \param x [..., d_model] \return [..., vocab]
/// float32
at::Tensor unembed_rows(const at::Tensor& x, const Unembedding& unembedding);

/// cap * tanh(x / cap)
at::Tensor softcap(const at::Tensor& x, double cap);

}  // namespace lensbench
