#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "grading/plant/wiring.hpp"

// Heads that share keys and values, with rotary positions. The angle of a pair of channels grows by
// its own step from position to position: the steps of the first pairs are large, so that they tell
// distances, and those of the last ones nearly 0, so that what they match does not depend on it.

namespace lensbench::grading {

/// What rotary angles depend on.
struct RotaryAngles {
  std::int64_t d_head = 32, n_positions = 12;
  double theta = 1e6;

  std::int64_t pairs() const { return d_head / 2; }
  /// Angle of one position in a pair.
  double step(std::int64_t pair) const;
  /// Height of each pair that tells distances, so that their scores add up to at least 1 less at
  /// any other distance than at the wanted one.
  double height() const;
};

/// Weights of a group in logical dimensions. Rows of the stream are multiplied from the right.
struct GroupWeights {
  std::vector<at::Tensor> query;   ///< a head: [d_model, d_head]
  at::Tensor key, value;           ///< [d_model, d_head]
  std::vector<at::Tensor> output;  ///< a head: [d_head, d_model]
};

/// Logical dimension that holds a constant at every position.
struct ConstantDimension {
  std::int64_t dimension = 0;
  double value = 1;
};

/// Gives each score and each move of the heads of a group a channel; equal keys, and equal values,
/// share one. Channels are turned at random as far as rotary positions allow, if `turned`.
/// \throws UsageError if the heads need more channels than there are
GroupWeights group_weights(const std::vector<Head>& heads, const RotaryAngles& angles,
                           std::int64_t d_model, const ConstantDimension& constant, bool turned,
                           Philox& random);

}  // namespace lensbench::grading
