#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/spec.hpp>
#include <vector>

#include "detectors.hpp"

namespace lensbench::attention {

/// Keys [begin, end) that a query of one block sees.
struct VisibleKeys {
  std::int64_t begin = 0, end = 0;
  std::int64_t count() const { return end - begin; }
};

VisibleKeys visible_keys(const TransformerSpec& spec, std::int64_t block, std::int64_t query,
                         std::int64_t n_tokens);

/// What is measured of every pattern of a prompt.
struct MeasurePlan {
  std::vector<Detector> detectors;
  std::vector<Mask> masks;  ///< one for each detector
  Exclusion exclusion;
  std::vector<bool> special;  ///< [token], true at special tokens; empty: not known
  std::int64_t top_k = 0;
};

/// Numbers by head and token, and the errors of the checks. Float64 [block, head, token] unless
/// stated otherwise.
struct Measures {
  Measures(std::int64_t n_blocks, std::int64_t n_heads, std::int64_t n_tokens,
           const MeasurePlan& plan);

  at::Tensor entropy, normalized_entropy, mean_distance, first_token_mass;
  at::Tensor first_token_weighted_mass, received;
  at::Tensor special_mass;         ///< undefined if it is not known which tokens are special
  at::Tensor top_key, top_weight;  ///< [block, head, token, rank] int32 and float64; or undefined
  at::Tensor score, share, match;  ///< [detector, block, head]
  double row_sum_error = 0.0;      ///< largest |sum of a row - 1|
  double hidden_weight = 0.0;      ///< largest |weight| of a key that the query does not see
  double result_error = 0.0;       ///< largest |pattern v - z|, relative to the values of the head
};

/// One head of one block, all float64 and contiguous.
struct HeadActivations {
  at::Tensor pattern;  ///< [query, key]
  at::Tensor value;    ///< [key, d_head] of the head's own key-value head
  at::Tensor result;   ///< [query, d_head], `hook_z`
  at::Tensor output;   ///< W_O [d_head, d_model]
};

/// Errors of one head; those of `Measures` are the largest of all heads.
struct HeadErrors {
  double row_sum = 0.0, hidden = 0.0, result = 0.0;
};

/// Writes all numbers of one head into `measures`. Heads may be measured at the same time.
HeadErrors measure_head(const TransformerSpec& spec, std::int64_t block, std::int64_t head,
                        const HeadActivations& activations, const MeasurePlan& plan,
                        const Measures& measures);

}  // namespace lensbench::attention
