#include "model/forward/rope.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

namespace lensbench {
namespace {

constexpr double kPi = std::numbers::pi;

/// theta^(-2i/dim) for i = 0 … dim/2 - 1, in float32 and in this order of operations, as the
/// reference computes them: other roundings grow with the position.
at::Tensor frequencies(double theta, std::int64_t dim) {
  const at::Tensor exponent = at::arange(0, dim, 2, at::kFloat).div(static_cast<double>(dim));
  return at::pow(theta, exponent).reciprocal();
}

/// NTK-aware base: unchanged up to the original length, larger beyond it.
double dynamic_theta(const RopeSpec& spec, std::int64_t length) {
  const auto original = static_cast<double>(spec.original_max_positions);
  const double seen = std::max(static_cast<double>(length), original);
  const auto dim = static_cast<double>(spec.rotary_dim);
  const double growth = spec.factor * seen / original - (spec.factor - 1.0);
  return spec.theta * std::pow(growth, dim / (dim - 2.0));
}

/// Llama 3.1: frequencies of long wavelengths divided by the factor, short ones kept, a ramp
/// between.
at::Tensor llama3_frequencies(const RopeSpec& spec) {
  const at::Tensor plain = frequencies(spec.theta, spec.rotary_dim);
  const auto original = static_cast<double>(spec.original_max_positions);
  const at::Tensor wavelength = plain.reciprocal().mul(2.0 * kPi);
  // Position of original / wavelength between the two factors: 0 at the low one, 1 at the high one.
  const at::Tensor ramp = wavelength.reciprocal()
                              .mul(original)
                              .sub(spec.low_frequency_factor)
                              .div(spec.high_frequency_factor - spec.low_frequency_factor);
  const at::Tensor mixed = ramp.neg().add(1.0).mul(plain).div(spec.factor).add(ramp.mul(plain));
  const at::Tensor is_long = wavelength.gt(original / spec.low_frequency_factor);
  const at::Tensor is_short = wavelength.lt(original / spec.high_frequency_factor);
  // Equal factors (Llama 4) divide by zero above; then every wavelength is long or short.
  return at::where(is_long, plain.div(spec.factor), at::where(is_short, plain, mixed));
}

/// Dimension at which a rotation turns `turns` times within the original length.
double yarn_dimension(const RopeSpec& spec, double turns) {
  const auto original = static_cast<double>(spec.original_max_positions);
  return static_cast<double>(spec.rotary_dim) * std::log(original / (turns * 2.0 * kPi)) /
         (2.0 * std::log(spec.theta));
}

/// LongRoPE (arXiv:2402.13753): each frequency divided by its own factor, one set of factors up to
/// the original length and another beyond it.
at::Tensor longrope_frequencies(const RopeSpec& spec, std::int64_t length) {
  const std::vector<double>& factors =
      length > spec.original_max_positions ? spec.long_factor : spec.short_factor;
  return frequencies(spec.theta, spec.rotary_dim).div(at::tensor(factors, at::kFloat));
}

/// YaRN (arXiv:2309.00071): dimensions that turn often keep their frequency, those that turn rarely
/// are divided by the factor, with a linear ramp between.
at::Tensor yarn_frequencies(const RopeSpec& spec) {
  double low = yarn_dimension(spec, spec.beta_fast);
  double high = yarn_dimension(spec, spec.beta_slow);
  if (spec.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(spec.rotary_dim - 1));
  // A ramp of width 0 would divide by zero; the reference adds the same number.
  if (low == high) high += 0.001;
  const at::Tensor ramp =
      at::arange(0, spec.rotary_dim / 2, at::kFloat).sub(low).div(high - low).clamp(0.0, 1.0);
  const at::Tensor plain = frequencies(spec.theta, spec.rotary_dim);
  return plain.div(spec.factor).mul(ramp).add(plain.mul(ramp.neg().add(1.0)));
}

/// Temperature of YaRN: 0.1 m ln(s) + 1.
double yarn_mscale(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

/// The two members of each pair that rotates together, [..., rotary_dim / 2] each.
std::pair<at::Tensor, at::Tensor> halves(const RopeSpec& spec, const at::Tensor& x) {
  const std::int64_t half = spec.rotary_dim / 2;
  if (!spec.interleaved) return {x.narrow(-1, 0, half), x.narrow(-1, half, half)};
  const at::Tensor rotary = x.narrow(-1, 0, spec.rotary_dim);
  return {rotary.slice(-1, 0, spec.rotary_dim, 2), rotary.slice(-1, 1, spec.rotary_dim, 2)};
}

at::Tensor table_angles(const RopeSpec& spec, const at::Tensor& positions) {
  if (!depends_on_length(spec))
    return positions.to(at::kFloat)
        .unsqueeze(-1)
        .mul(inverse_frequencies(spec, 0).to(positions.device()));
  // Each row uses its own length, so that a batch gives the results of its sequences run one by
  // one.
  std::vector<at::Tensor> rows;
  // The length of a row is its last position plus one, padding not counted.
  for (std::int64_t row = 0; row < positions.size(0); ++row) {
    const std::int64_t length = positions[row].max().item<std::int64_t>() + 1;
    rows.push_back(positions[row]
                       .to(at::kFloat)
                       .unsqueeze(-1)
                       .mul(inverse_frequencies(spec, length).to(positions.device())));
  }
  return at::stack(rows);
}

/// Angles of tokens with several positions: the sections take their frequencies from the axes in
/// turn.
at::Tensor section_angles(const RopeSpec& spec, const at::Tensor& positions) {
  std::vector<at::Tensor> parts;
  parts.reserve(spec.sections.size());
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < spec.sections.size(); ++i) {
    const auto axis = static_cast<std::int64_t>(i) % positions.size(0);
    parts.push_back(table_angles(spec, positions[axis]).narrow(-1, begin, spec.sections[i]));
    begin += spec.sections[i];
  }
  return at::cat(parts, -1);
}

}  // namespace

bool depends_on_length(const RopeSpec& spec) {
  return spec.scaling == RopeSpec::Scaling::dynamic || spec.scaling == RopeSpec::Scaling::longrope;
}

bool outgrows_cache(const RopeSpec& spec, std::int64_t held, std::int64_t length) {
  // Below the original length the angles are those without scaling.
  if (!depends_on_length(spec) || held == 0 || length <= spec.original_max_positions) return false;
  return spec.scaling == RopeSpec::Scaling::dynamic || held <= spec.original_max_positions;
}

at::Tensor inverse_frequencies(const RopeSpec& spec, std::int64_t length) {
  switch (spec.scaling) {
    case RopeSpec::Scaling::linear:
      return frequencies(spec.theta, spec.rotary_dim).div(spec.factor);
    case RopeSpec::Scaling::dynamic:
      return frequencies(dynamic_theta(spec, length), spec.rotary_dim);
    case RopeSpec::Scaling::llama3:
      return llama3_frequencies(spec);
    case RopeSpec::Scaling::yarn:
      return yarn_frequencies(spec);
    case RopeSpec::Scaling::longrope:
      return longrope_frequencies(spec, length);
    default:
      return frequencies(spec.theta, spec.rotary_dim);
  }
}

double attention_factor(const RopeSpec& spec) {
  if (spec.scaling != RopeSpec::Scaling::yarn && spec.scaling != RopeSpec::Scaling::longrope)
    return 1.0;
  if (spec.attention_factor) return *spec.attention_factor;
  if (spec.scaling == RopeSpec::Scaling::longrope)
    return spec.factor <= 1.0
               ? 1.0
               : std::sqrt(1.0 + std::log(spec.factor) /
                                     std::log(static_cast<double>(spec.original_max_positions)));
  // A factor of 0 counts as absent, as in the reference.
  if (spec.mscale.value_or(0.0) != 0.0 && spec.mscale_all_dim.value_or(0.0) != 0.0)
    return yarn_mscale(spec.factor, *spec.mscale) / yarn_mscale(spec.factor, *spec.mscale_all_dim);
  return yarn_mscale(spec.factor, 1.0);
}

RopeTable rope_table(const RopeSpec& spec, const at::Tensor& positions) {
  const at::Tensor angles =
      (positions.dim() == 3 ? section_angles(spec, positions) : table_angles(spec, positions))
          .unsqueeze(1);
  const double factor = attention_factor(spec);
  return {angles.cos().mul(factor), angles.sin().mul(factor)};
}

RopeTable scaled_by_length(const RopeSpec& spec, const LengthFactors& factors,
                           const RopeTable& table, const at::Tensor& positions) {
  const at::Tensor is_long = positions.amax(-1).ge(spec.original_max_positions);
  const at::Tensor factor = at::full(is_long.sizes(), factors.up_to, table.cos.options())
                                .masked_fill(is_long, factors.beyond)
                                .view({-1, 1, 1, 1});
  return {table.cos.mul(factor), table.sin.mul(factor)};
}

at::Tensor rotate(const RopeSpec& spec, const RopeTable& table, const at::Tensor& x) {
  const auto [first, second] = halves(spec, x);
  const at::Tensor new_first = first.mul(table.cos).sub(second.mul(table.sin));
  const at::Tensor new_second = second.mul(table.cos).add(first.mul(table.sin));
  std::vector<at::Tensor> parts;
  if (spec.interleaved) {
    parts.push_back(at::stack({new_first, new_second}, -1).flatten(-2));
  } else {
    parts = {new_first, new_second};
  }
  // Dimensions after rotary_dim carry no position and pass unchanged.
  const std::int64_t rest = x.size(-1) - spec.rotary_dim;
  if (rest > 0) parts.push_back(x.narrow(-1, spec.rotary_dim, rest).to(new_first.scalar_type()));
  return at::cat(parts, -1).to(x.scalar_type());
}

}  // namespace lensbench
