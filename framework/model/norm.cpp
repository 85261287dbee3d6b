#include "model/norm.hpp"

#include <ATen/ops/layer_norm.h>

#include "model/linear.hpp"

namespace lensbench {
namespace {

at::Tensor centred(const NormSpec& spec, const at::Tensor& wide) {
  return spec.kind == NormKind::layer_norm ? wide.sub(wide.mean(-1, true)) : wide;
}

at::Tensor divisor(const NormSpec& spec, const at::Tensor& centred_input) {
  return centred_input.square().mean(-1, true).add(spec.epsilon).sqrt();
}

at::Tensor with_gain(const NormWeights& weights, const at::Tensor& normalized) {
  if (!weights.gain.defined()) return normalized;
  const at::Tensor scaled = normalized.mul(weights.gain);
  return weights.bias.defined() ? scaled.add(weights.bias) : scaled;
}

}  // namespace

at::Tensor apply_norm(const NormSpec& spec, const NormWeights& weights, const at::Tensor& x) {
  const at::ScalarType type = accumulation_type(x.scalar_type());
  const at::Tensor wide = x.to(type);
  if (spec.kind == NormKind::layer_norm) {
    const auto widened = [&](const at::Tensor& w) { return w.defined() ? w.to(type) : w; };
    return at::layer_norm(wide, {x.size(-1)}, widened(weights.gain), widened(weights.bias),
                          spec.epsilon)
        .to(x.scalar_type());
  }
  return with_gain(weights, wide.div(divisor(spec, wide)).to(x.scalar_type()));
}

at::Tensor apply_norm(const NormSpec& spec, const NormWeights& weights, const at::Tensor& x,
                      const HookSite& hooks, NormPoints points, bool gradients) {
  if (!hooks.wants(points.scale) && !hooks.wants(points.normalized))
    return apply_norm(spec, weights, x);
  const at::Tensor input = centred(spec, x.to(accumulation_type(x.scalar_type())));
  const at::Tensor scale = divisor(spec, input);
  const at::Tensor new_scale = hooks.apply(points.scale, scale);
  const at::Tensor normalized = input.div(new_scale).to(x.scalar_type());
  const at::Tensor new_normalized = hooks.apply(points.normalized, normalized);
  // The fused norm differs from this one in the last bit; looking on must not change the result.
  const bool unchanged = same_values(scale, new_scale) && same_values(normalized, new_normalized);
  if (unchanged && !gradients) return apply_norm(spec, weights, x);
  return with_gain(weights, new_normalized);
}

}  // namespace lensbench
