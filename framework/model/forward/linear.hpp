#pragma once

#include <ATen/core/Tensor.h>

#include "model/weights/weights.hpp"

namespace lensbench {

/// Element type of sums: float32 for bfloat16 and float16, else the type itself.
at::ScalarType accumulation_type(at::ScalarType dtype);

/// x · weight + bias. Half precision is multiplied in float32 and rounded once, as hardware with
/// such types does.
/// \param x [..., in]
/// \return [..., out] in x's dtype
at::Tensor linear(const at::Tensor& x, const Linear& layer);

/// View of the outputs begin … begin + count of a layer; undefined if the layer is undefined.
Linear columns(const Linear& whole, std::int64_t begin, std::int64_t count);

/// softcap(logit_scale * (x · weightᵀ + bias)).
/// \param x [..., d_model]
/// \return [..., vocab] float32
at::Tensor unembed_rows(const at::Tensor& x, const Unembedding& unembedding);

/// Soft cap of values: cap * tanh(x / cap).
at::Tensor softcap(const at::Tensor& x, double cap);

}  // namespace lensbench
