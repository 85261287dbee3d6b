#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/model.hpp>
#include <lensbench/random.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/heads.hpp"

namespace induction_heads {

using common::by_score;
using common::Head;
using common::name_of;

/// What the sequences that choose heads say.
struct Selection {
  double threshold = 0;        ///< 99th percentile of the scores of single heads on shuffled copies
  std::vector<Head> ranked;    ///< all heads, the largest mean induction score first
  std::vector<Head> found;     ///< heads whose mean induction score is above it, the best first
  std::vector<Head> previous;  ///< all heads, the largest mean previous-token score first
  at::Tensor mean;             ///< [detector, block, head]
};

/// Chooses heads.
/// \param scores   [sequence, detector, block, head]
/// \param control  [sequence, block, head] induction scores on shuffled copies
Selection choose_heads(const at::Tensor& scores, const at::Tensor& control);

/// For each of these heads another one of its block that is not in `excluded`, all different.
/// Empty if a block has too few.
std::optional<std::vector<Head>> random_heads(const std::vector<Head>& like,
                                              const std::vector<Head>& excluded,
                                              std::int64_t n_heads, lensbench::Philox& random);

/// Means of what every head reads, over all positions of the sequences: [block, head, d_head].
at::Tensor mean_reads(const lensbench::Model& model, const lensbench::TokenBatch& batch);

/// Stream after the last block, [sequence, position, d_model], where what these heads read is
/// replaced by its mean.
at::Tensor run_without(const lensbench::Model& model, const lensbench::TokenBatch& batch,
                       const std::vector<Head>& heads, const at::Tensor& means);

}  // namespace induction_heads
