#include "direction.hpp"

#include <ATen/TensorOperators.h>

namespace lensbench::attribution {
namespace {

at::Tensor as_double(const at::Tensor& values) {
  return values.to(at::kDouble);
}

/// Row of the unembedding for each token, or the difference of two rows with `versus`.
at::Tensor unembedding_rows(const Unembedding& unembedding, const at::Tensor& target_ids,
                            const at::Tensor& versus_ids) {
  at::Tensor rows = as_double(unembedding.weight.index_select(0, target_ids));
  if (versus_ids.defined()) rows = rows - as_double(unembedding.weight.index_select(0, versus_ids));
  return rows * unembedding.logit_scale;
}

/// Biases of the targets, [token] float64; zeros if the unembedding lacks a bias.
at::Tensor unembedding_bias(const Unembedding& unembedding, const at::Tensor& target_ids,
                            const at::Tensor& versus_ids) {
  if (!unembedding.bias.defined()) return as_double(target_ids) * 0.0;
  at::Tensor bias = as_double(unembedding.bias.index_select(0, target_ids));
  if (versus_ids.defined()) bias = bias - as_double(unembedding.bias.index_select(0, versus_ids));
  return bias * unembedding.logit_scale;
}

/// The divisor that the final norm uses at each token, held fixed in the attribution.
at::Tensor norm_scale(const FinalReadout& readout, const at::Tensor& residual) {
  at::Tensor x = as_double(residual);
  if (!readout.norm) return x.select(-1, 0) * 0.0 + 1.0;
  if (readout.kind == NormKind::layer_norm) x = x - x.mean(-1, /*keepdim=*/true);
  return (x * x).mean(-1).add(readout.epsilon).sqrt();
}

}  // namespace

/// Parameters that a norm lacks stay undefined.
FinalReadout final_readout(const Model& model) {
  const TransformerSpec& spec = model.spec();
  FinalReadout readout;
  readout.norm = spec.final_norm;
  readout.kind = spec.norm.kind;
  readout.epsilon = spec.norm.epsilon;
  readout.unembedding = model.unembedding();
  if (!spec.final_norm) return readout;
  if (spec.norm.has_gain) readout.gain = model.weight("ln_final.w");
  if (spec.norm.kind == NormKind::layer_norm && spec.norm.has_bias)
    readout.bias = model.weight("ln_final.b");
  return readout;
}

/// logit = x · v + bias with v = C (gain * row) / scale, where C is the centring of LayerNorm.
LogitDirection logit_direction(const FinalReadout& readout, const at::Tensor& residual,
                               const at::Tensor& target_ids, const at::Tensor& versus_ids) {
  const at::Tensor rows = unembedding_rows(readout.unembedding, target_ids, versus_ids);
  LogitDirection direction;
  direction.bias = unembedding_bias(readout.unembedding, target_ids, versus_ids);
  if (readout.bias.defined())
    direction.bias = direction.bias + (rows * as_double(readout.bias)).sum(-1);
  direction.scale = norm_scale(readout, residual);

  at::Tensor vector = readout.gain.defined() ? rows * as_double(readout.gain) : rows;
  at::Tensor magnitude = vector.abs();
  // The norm reads the stream and its mean, whose rounding the comparison must allow. The sum of
  // the mean is rounded at the size of its terms, which may cancel.
  at::Tensor read = as_double(residual).abs();
  if (readout.norm && readout.kind == NormKind::layer_norm)
    read = read + read.mean(-1, /*keepdim=*/true);
  direction.norm_size = (read * magnitude).sum(-1) / direction.scale;
  if (readout.bias.defined())
    direction.norm_size = direction.norm_size + (rows * as_double(readout.bias)).abs().sum(-1);
  if (readout.norm && readout.kind == NormKind::layer_norm) {
    // (x - mean(x)) · v = x · (v - mean(v)): the centring moves to the vector.
    const at::Tensor mean = vector.mean(-1, /*keepdim=*/true);
    vector = vector - mean;
    magnitude = magnitude + mean.abs();
  }
  direction.vector = vector / direction.scale.unsqueeze(-1);
  direction.magnitude = magnitude / direction.scale.unsqueeze(-1);
  return direction;
}

/// The chain rule of a linear map: divided by the scale, multiplied by the gain, centred.
LogitDirection through_norm(const LogitDirection& direction, NormKind kind, const at::Tensor& gain,
                            const at::Tensor& scale) {
  LogitDirection seen = direction;
  const at::Tensor factor = as_double(gain) / as_double(scale);
  seen.vector = direction.vector * factor;
  seen.magnitude = direction.magnitude * factor.abs();
  if (kind == NormKind::layer_norm) {
    const at::Tensor mean = seen.vector.mean(-1, /*keepdim=*/true);
    seen.vector = seen.vector - mean;
    seen.magnitude = seen.magnitude + mean.abs();
  }
  return seen;
}

at::Tensor project(const at::Tensor& written, const LogitDirection& direction) {
  return (as_double(written) * direction.vector).sum(-1);
}

/// float64 from the normalised rows on, without the softcap.
at::Tensor read_logit(const Unembedding& unembedding, const at::Tensor& normalized,
                      const at::Tensor& target_ids, const at::Tensor& versus_ids) {
  const at::Tensor rows = unembedding_rows(unembedding, target_ids, versus_ids);
  return (as_double(normalized) * rows).sum(-1) +
         unembedding_bias(unembedding, target_ids, versus_ids);
}

at::Tensor logit_size(const Unembedding& unembedding, const at::Tensor& normalized,
                      const at::Tensor& target_ids) {
  const at::Tensor rows = unembedding_rows(unembedding, target_ids, {});
  return (as_double(normalized) * rows).abs().sum(-1) +
         unembedding_bias(unembedding, target_ids, {}).abs();
}

}  // namespace lensbench::attribution
