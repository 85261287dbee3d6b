#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/model.hpp>

namespace lensbench::attribution {

/// Parameters that map the final residual to single logits.
struct FinalReadout {
  bool norm = true;  ///< false: the model lacks a final norm
  NormKind kind = NormKind::layer_norm;
  double epsilon = 1e-5;
  at::Tensor gain;  ///< [d_model], as applied
  at::Tensor bias;  ///< [d_model] or undefined
  Unembedding unembedding;
};

FinalReadout final_readout(const Model& model);

/// Linear map from the residual stream to one logit (or a difference of two) at every token, with
/// the scale of the final norm frozen at its real value:
///   logit = residual · vector + bias.
/// The vector includes LayerNorm's centring: (x - mean(x)) · v = x · (v - mean(v)).
struct LogitDirection {
  at::Tensor vector;  ///< [token, d_model] float64
  at::Tensor bias;    ///< [token] float64: the norm's bias through the unembedding, plus its bias
  at::Tensor scale;   ///< [token] float64: sqrt(variance + epsilon), or the root mean square
  /// [token, d_model] float64: size of the factors that were summed into `vector`. |residual| ·
  /// magnitude bounds the terms whose rounding a comparison must allow.
  at::Tensor magnitude;
  /// [token] float64: size of the terms that the final norm itself rounds: the stream and its mean
  /// size times gain and row, divided by the scale, and the norm's bias times the row. It is large
  /// relative to the logit where the stream carries a large constant, which the norm takes out.
  at::Tensor norm_size;
};

/// \param residual    [token, d_model], the input of the final norm
/// \param target_ids  [token] int64
/// \param versus_ids  [token] int64, or undefined for a single logit
LogitDirection logit_direction(const FinalReadout& readout, const at::Tensor& residual,
                               const at::Tensor& target_ids, const at::Tensor& versus_ids);

/// Direction for the input of a norm, with that norm's scale frozen at its real value. In a model
/// that normalises after its sublayers (Gemma 2, OLMo 2), the output of a head passes the norm that
/// follows attention.
/// \param gain   [d_model], as applied
/// \param scale  [token, 1], `ln1_post.hook_scale` or `ln2_post.hook_scale`
LogitDirection through_norm(const LogitDirection& direction, NormKind kind, const at::Tensor& gain,
                            const at::Tensor& scale);

/// Contribution of a tensor that was added to the residual stream.
/// \param written  [..., token, d_model] \return [..., token] float64
at::Tensor project(const at::Tensor& written, const LogitDirection& direction);

/// Logit (or difference) of normalised rows, scaled, before any softcap.
/// \param normalized  [..., token, d_model], after the model's final norm \return [..., token]
/// float64
at::Tensor read_logit(const Unembedding& unembedding, const at::Tensor& normalized,
                      const at::Tensor& target_ids, const at::Tensor& versus_ids);

/// Sum of the absolute values of the terms of one logit. \return [..., token] float64
at::Tensor logit_size(const Unembedding& unembedding, const at::Tensor& normalized,
                      const at::Tensor& target_ids);

}  // namespace lensbench::attribution
