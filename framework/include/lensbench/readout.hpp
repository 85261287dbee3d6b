#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/export.hpp>
#include <lensbench/model.hpp>

namespace lensbench {

/// What to take from the distributions over the vocabulary that a stack of residuals decodes to.
struct ReadoutOptions {
  std::int64_t top_k = 10;         ///< 0: none
  at::Tensor target_ids = {};      ///< [row] int64: the token whose rank and probability are wanted
  bool target_is_own_top = false;  ///< score each row's final-layer top-1 token instead of ids
  /// [row] int64: a second token whose log-probability alone is wanted (a cross-entropy)
  at::Tensor scored_ids = {};
  bool entropy = true;  ///< of each distribution
  /// Divergence of the last layer from each layer (`kl_final_to_layer`).
  bool kl_to_last = true;
};

/// One entry a (layer, row); natural logarithms; computed from float32 logits (half-precision
/// weights are widened first), accumulated in float64. Nothing depends on the number of threads,
/// and equal rows of the unembedding get equal logits. What was not asked for is undefined.
struct Readout {
  at::Tensor top_ids;            ///< [layer, row, top_k] int64, best first, ties by smaller id
  at::Tensor top_logits;         ///< [layer, row, top_k] float32
  at::Tensor top_probabilities;  ///< [layer, row, top_k] float32
  at::Tensor log_sum_exp;        ///< [layer, row] float64
  at::Tensor entropy;            ///< [layer, row] float32, nats
  at::Tensor kl_to_last;         ///< [layer, row] float32, nats; 0 for the last layer
  at::Tensor target_ids;         ///< [row] int64
  at::Tensor target_logits;      ///< [layer, row] float32
  at::Tensor target_log_probabilities;  ///< [layer, row] float32, nats
  at::Tensor target_ranks;  ///< [layer, row] int32, 1 + tokens with a strictly larger logit
  at::Tensor scored_log_probabilities;  ///< [layer, row] float32, nats
};

/// Reads every (layer, row) against the whole vocabulary without ever holding more than a tile of
/// logits: a matrix product in tiles of vocabulary, reduced as it is made (online log-sum-exp,
/// top-k, rank, entropy, divergence). Runs on the CPU; weights elsewhere are fetched a tile at a
/// time.
/// \param unembedding  what turns a row into logits
/// \param normalized   [layer, row, d_model] rows after the final norm; the last layer is the
///   reference of kl_to_last and target_is_own_top
/// \param options      what to take
/// \throws UsageError for shapes that do not fit, top_k above the vocabulary, ids out of range
/// \throws RunError naming layer and row where a logit is not finite
LENSBENCH_API Readout read_out(const Unembedding& unembedding, const at::Tensor& normalized,
                               const ReadoutOptions& options);

}  // namespace lensbench
