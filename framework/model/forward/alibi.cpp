#include "model/forward/alibi.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/pow.h>

#include <bit>
#include <cmath>

namespace lensbench {
namespace {

/// Powers 1, 1 + step, … of 2^(-8 / heads), `count` of them.
at::Tensor powers(std::int64_t heads, std::int64_t count, std::int64_t step) {
  // float32 like the reference, which rounds the slopes before it multiplies them by a position.
  const at::Tensor base = at::full({}, std::exp2(-8.0 / static_cast<double>(heads)), at::kFloat);
  return at::pow(base, at::arange(1, 1 + step * count, step, at::kInt));
}

}  // namespace

at::Tensor alibi_slopes(std::int64_t n_heads) {
  const auto power = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(n_heads)));
  const at::Tensor slopes = powers(power, power, 1);
  if (power == n_heads) return slopes;
  return at::cat({slopes, powers(2 * power, n_heads - power, 2)});
}

at::Tensor alibi_bias(const TransformerSpec& spec, at::ScalarType dtype,
                      const at::Tensor& positions) {
  at::Tensor slopes = alibi_slopes(spec.attention.n_heads).to(positions.device()).unsqueeze(1);
  if (spec.alibi.bfloat16_products) slopes = slopes.to(at::kBFloat16);
  at::Tensor bias = slopes.mul(positions.unsqueeze(1)).to(spec.alibi.wide ? at::kFloat : dtype);
  if (spec.alibi.scaled) bias = bias.mul(spec.attention.scale);
  return bias.to(at::kFloat);
}

}  // namespace lensbench
