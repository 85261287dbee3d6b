#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/export.hpp>
#include <lensbench/model.hpp>

namespace lensbench {

/// Quantities to compute from the vocabulary distributions that a stack of residuals decodes to.
struct ReadoutOptions {
  std::int64_t top_k = 10;         ///< candidates for each entry; 0: none
  at::Tensor target_ids = {};      ///< [row] or [target, row] int64: ranked and scored tokens
  bool target_is_own_top = false;  ///< score each row's final-layer top-1 token instead of ids
  /// [row] int64: a second token, of which only the log-probability is computed (cross-entropy)
  at::Tensor scored_ids = {};
  bool entropy = true;     ///< compute the entropy of each distribution
  bool kl_to_last = true;  ///< compute the divergence KL(last layer || layer)
};

/// Results for each (layer, row), with natural logarithms, computed from float32 logits
/// (half-precision weights are widened first) and accumulated in float64. Results do not depend on
/// the number of threads, and equal rows of the unembedding get equal logits. Tensors that were not
/// requested are undefined.
struct Readout {
  at::Tensor top_ids;            ///< [layer, row, top_k] int64, best first, ties by smaller id
  at::Tensor top_logits;         ///< [layer, row, top_k] float32
  at::Tensor top_probabilities;  ///< [layer, row, top_k] float32
  at::Tensor log_sum_exp;        ///< [layer, row] float64
  at::Tensor entropy;            ///< [layer, row] float32, nats
  at::Tensor kl_to_last;         ///< [layer, row] float32, nats; 0 for the last layer
  at::Tensor target_ids;         ///< as given; an axis `target` is the first of the next three
  at::Tensor target_logits;      ///< [layer, row] float32
  at::Tensor target_log_probabilities;  ///< [layer, row] float32, nats
  at::Tensor target_ranks;  ///< [layer, row] int32, 1 + tokens with a strictly larger logit
  at::Tensor scored_log_probabilities;  ///< [layer, row] float32, nats
};

/// Decodes every (layer, row) over the whole vocabulary and holds only a tile of logits at a time:
/// the matrix product runs in tiles of the vocabulary, and each tile is reduced at once (online
/// log-sum-exp, top-k, rank, entropy, divergence). Runs on the CPU; weights on another device are
/// copied tile by tile.
/// \param unembedding  map from a row to logits
/// \param normalized   [layer, row, d_model] rows after the final norm; the last layer is the
///   reference of kl_to_last and target_is_own_top
/// \param options      the quantities to compute
/// \throws UsageError for shapes that do not fit, top_k above the vocabulary, ids out of range
/// \throws RunError that names layer and row of a logit that is not finite
LENSBENCH_API Readout read_out(const Unembedding& unembedding, const at::Tensor& normalized,
                               const ReadoutOptions& options);

}  // namespace lensbench
