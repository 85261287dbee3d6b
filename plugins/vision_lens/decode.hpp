#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <vector>

#include "concepts.hpp"

namespace lensbench::vision_lens {

/// What streams decode to.
struct Decoded {
  at::Tensor top_ids;                  ///< [layer, row, rank] int64
  at::Tensor top_probabilities;        ///< [layer, row, rank] float32
  at::Tensor entropy;                  ///< [layer, row] float32, nats
  at::Tensor concept_log_probability;  ///< [layer, row, concept] float64, nats
  at::Tensor concept_rank;             ///< [layer, row, concept] int32
};

/// Decodes streams after the final norm, with statistics of each.
/// \param streams  [row, d_model] for each layer
/// \param sets     concepts; without any the last two tensors have 0 entries
Decoded decode(const Model& model, const std::vector<at::Tensor>& streams,
               const std::vector<TokenSet>& sets, std::int64_t top_k);

/// ln probability of one token for each row.
/// \param streams  [row, d_model] for each layer
/// \param ids      [row] int64
/// \return [layer, row] float64, nats
at::Tensor token_log_probabilities(const Model& model, const std::vector<at::Tensor>& streams,
                                   const at::Tensor& ids);

/// KL(distribution of the last of the streams || distribution of each) [layer], nats.
/// \param streams  [1, d_model] for each layer
at::Tensor divergence_to_last(const Model& model, const std::vector<at::Tensor>& streams);

}  // namespace lensbench::vision_lens
