#include "model/forward/norm.hpp"

#include <ATen/ops/layer_norm.h>

#include "model/forward/linear.hpp"

namespace lensbench {
namespace {

/// RMSNorm does not subtract the mean.
at::Tensor centred(const NormSpec& spec, const at::Tensor& wide) {
  return spec.kind == NormKind::layer_norm ? wide.sub(wide.mean(-1, true)) : wide;
}

at::Tensor divisor(const NormSpec& spec, const at::Tensor& centred_input) {
  return centred_input.square().mean(-1, true).add(spec.epsilon).sqrt();
}

/// \param normalized  in any type \return in `type`
at::Tensor with_gain(const NormSpec& spec, const NormWeights& weights, const at::Tensor& normalized,
                     at::ScalarType type) {
  if (!weights.gain.defined()) return normalized.to(type);
  // With `wide_gain` the product is rounded once, after the gain; otherwise the normalised value is
  // rounded before it.
  const at::ScalarType product = spec.wide_gain ? accumulation_type(type) : type;
  const at::Tensor scaled = normalized.to(product).mul(weights.gain.to(product));
  return (weights.bias.defined() ? scaled.add(weights.bias.to(product)) : scaled).to(type);
}

/// LayerNorm. The fused function takes only one-dimensional gains; a gain for each head is applied
/// after it.
at::Tensor layer_norm(const NormSpec& spec, const NormWeights& weights, const at::Tensor& wide) {
  const at::ScalarType type = wide.scalar_type();
  const auto widened = [&](const at::Tensor& w) { return w.defined() ? w.to(type) : w; };
  if (!weights.gain.defined() || weights.gain.dim() == 1)
    return at::layer_norm(wide, {wide.size(-1)}, widened(weights.gain), widened(weights.bias),
                          spec.epsilon);
  return with_gain(spec, weights, at::layer_norm(wide, {wide.size(-1)}, {}, {}, spec.epsilon),
                   type);
}

}  // namespace

at::Tensor apply_norm(const NormSpec& spec, const NormWeights& weights, const at::Tensor& x) {
  const at::ScalarType type = accumulation_type(x.scalar_type());
  const at::Tensor wide = x.to(type);
  if (spec.kind == NormKind::layer_norm) return layer_norm(spec, weights, wide).to(x.scalar_type());
  return with_gain(spec, weights, wide.div(divisor(spec, wide)), x.scalar_type());
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
  // The fused norm differs from this one in the last bit. A hook that only reads must not change
  // the result, so the fused norm is used unless a hook changed a value.
  const bool unchanged = same_values(scale, new_scale) && same_values(normalized, new_normalized);
  if (unchanged && !gradients) return apply_norm(spec, weights, x);
  return with_gain(spec, weights, new_normalized, x.scalar_type());
}

}  // namespace lensbench
