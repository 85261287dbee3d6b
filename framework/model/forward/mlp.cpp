#include "model/forward/mlp.hpp"

#include <ATen/ops/gelu.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/where.h>

#include "model/forward/linear.hpp"
#include "model/forward/mixture/mixture.hpp"
#include "model/runtime/profiled.hpp"

namespace lensbench {

namespace {

/// The activations without parameters, in the type of x, which must not be half precision.
at::Tensor activate_wide(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::gelu:
      return at::gelu(x);
    case Activation::gelu_tanh:
      return at::gelu(x, "tanh");
    case Activation::quick_gelu:
      // x * sigmoid(1.702 x), an approximation of GELU.
      return x.mul(x.mul(1.702).sigmoid());
    case Activation::relu:
      return at::relu(x);
    case Activation::silu:
      return at::silu(x);
    case Activation::relu_squared:
      return at::relu(x).square();
    case Activation::xielu:
      break;  // has parameters: see xielu()
  }
  return x;
}

}  // namespace

at::Tensor activate(Activation activation, const at::Tensor& x) {
  const at::Tensor wide = x.to(accumulation_type(x.scalar_type()));
  return activate_wide(activation, wide).to(x.scalar_type());
}

/// xIELU (arXiv:2411.13010): a quadratic function for positive x, an exponential one for others,
/// both with slope beta at 0.
at::Tensor xielu(const XieluWeights& weights, const at::Tensor& x) {
  const at::ScalarType wide = accumulation_type(x.scalar_type());
  const at::Tensor v = x.to(wide), beta = weights.beta.to(wide);
  const at::Tensor alpha_p = at::softplus(weights.alpha_p.to(wide));
  const at::Tensor alpha_n = at::softplus(weights.alpha_n.to(wide)).add(beta);
  const at::Tensor positive = alpha_p.mul(v.square());
  const at::Tensor other = at::minimum(v, weights.eps.to(wide)).expm1().sub(v).mul(alpha_n);
  return at::where(v.gt(0.0), positive, other).add(beta.mul(v)).to(x.scalar_type());
}

/// MLP of a block, x [batch, pos, d_model].
at::Tensor mlp(const ForwardState& state, std::int64_t layer, const at::Tensor& x) {
  const BlockWeights& weights = state.weights.blocks[static_cast<std::size_t>(layer)];
  const MlpSpec& spec = state.spec.mlp;
  ProfileScope scope(state.profile, layer, "mlp");
  if (scope.active()) scope.reads(mlp_bytes(weights));
  if (state.spec.is_mixture(layer)) return mixture(state, layer, x);
  const HookSite hooks(state.plan, layer);
  // In a gated MLP, hook_pre is the gate, as in TransformerLens.
  const at::Tensor pre =
      hooks.apply(Point::mlp_pre, linear(x, spec.gated ? weights.gate : weights.in));
  at::Tensor post = spec.activation == Activation::xielu ? xielu(weights.xielu, pre)
                                                         : activate(spec.activation, pre);
  if (spec.gated) post = post.mul(hooks.apply(Point::mlp_pre_linear, linear(x, weights.in)));
  return linear(hooks.apply(Point::mlp_post, post), weights.out);
}

}  // namespace lensbench
