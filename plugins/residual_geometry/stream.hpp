#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/context.hpp>
#include <string>
#include <vector>

namespace lensbench::geometry {

/// Geometry of the stream at each token, in float64.
struct Path {
  at::Tensor norm, cosine_to_final, cosine_to_previous;  ///< [layer, token]
  at::Tensor movement;                                   ///< [block, token]
};

/// Geometry of streams [layer, token, width]. NaN: cosine of a zero vector or to a layer before the
/// first, movement of a zero stream.
Path path_of(const at::Tensor& streams);

/// Sum of the lengths of the parts that a block adds, over the length of their sum [token]; NaN
/// where the sum is 0.
at::Tensor write_ratio(const at::Tensor& attention, const at::Tensor& mlp, const at::Tensor& added);

/// Parts of a stream.
struct Parts {
  at::Tensor norm, share, cosine;  ///< [component, token]
};

/// Parts [component, token, width] of a stream [token, width]. NaN: a zero vector.
Parts parts_of(const at::Tensor& components, const at::Tensor& stream);

/// Length of what each head adds [head, token], from z [token, head, d_head] and W_O [head, d_head,
/// d_model]: z (W_O W_Oᵀ) zᵀ, so that nothing [token, head, d_model] is made.
at::Tensor head_lengths(const at::Tensor& z, const at::Tensor& w_o);

}  // namespace lensbench::geometry
