#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/spec.hpp>

#include "model/hooks/hook_plan.hpp"
#include "model/weights/weights.hpp"

namespace lensbench {

/// Hook points of one norm.
struct NormPoints {
  Point scale, normalized;
};

/// LayerNorm (x - mean) / sqrt(var + eps) * gain + bias, or RMSNorm x / sqrt(mean(x²) + eps) *
/// gain, over the last dimension, statistics in float32.
at::Tensor apply_norm(const NormSpec& spec, const NormWeights& weights, const at::Tensor& x);

/// Norm with its hooks: `scale` (float32 [..., 1]) is the divisor of the centred input,
/// `normalized` is the value before gain and bias. \param gradients  true if the result must depend
/// on the tensors that the hooks received
at::Tensor apply_norm(const NormSpec& spec, const NormWeights& weights, const at::Tensor& x,
                      const HookSite& hooks, NormPoints points, bool gradients);

}  // namespace lensbench
