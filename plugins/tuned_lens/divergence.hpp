#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>

namespace lensbench::tuned {

/// Divergence of the model's own distributions from those of other rows, and its gradient, for a
/// tile of rows at a time. The gradient by a row after the final norm is (q - p) W_U with q and p
/// the two distributions (times the derivative of scale and softcap), which needs no graph. Logits
/// exist for one tile of rows only, never for all layers or positions.
class Divergence {
 public:
  explicit Divergence(const Model& model);

  /// Rows of a tile: as many as keep its logits small.
  std::int64_t tile_rows() const { return tile_rows_; }
  /// Equal tiles of at most `tile_rows` rows that cover `rows`: the size of each but the last.
  std::int64_t even_tile(std::int64_t rows) const;

  /// Sets the rows of the final layer. \param normalised  [row, width] float32
  void set_reference(const at::Tensor& normalised);
  /// KL(model's own || this) of each row, [row] float64 nats, of rows after the final norm.
  at::Tensor of(const at::Tensor& normalised);
  /// Gradient of the sum of the last divergences by their normalised rows, [row, width]. It uses up
  /// what `log_probabilities` gives.
  at::Tensor gradient();

  /// ln of the distributions of the last call of `of`, [row, vocab]; valid until the next call.
  const at::Tensor& log_probabilities() const { return log_q_; }
  /// The distributions of the last call of `of`, [row, vocab], in the place of their logarithms.
  const at::Tensor& take_probabilities() { return log_q_.exp_(); }
  /// Distributions of the reference, [row, vocab], and their logarithms.
  const at::Tensor& reference() const { return p_; }
  const at::Tensor& log_reference() const { return log_p_; }

 private:
  void write_logits(const at::Tensor& normalised);

  const Model& model_;
  std::int64_t tile_rows_;
  at::Tensor logits_, log_q_, p_, log_p_, slope_;
};

}  // namespace lensbench::tuned
