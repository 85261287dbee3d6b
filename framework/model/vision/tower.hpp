#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/tokens.hpp>

#include "model/forward/forward_state.hpp"

namespace lensbench {

/// Runs the vision tower over all pictures of a batch, each of which sees itself alone, with the
/// hooks of the forward.
/// \param tokens  with at least one picture
/// \return [token, d_model of the text model] in the type of the weights, picture by picture, in
///   each row by row
/// \throws UsageError for rows that are not those of the stated patches
at::Tensor run_tower(const ForwardState& state, const TokenBatch& tokens);

/// The merger on a stream of the tower: one token for each square of patches.
/// \param stream  [patch, d_model of the tower], in the order of the tower
/// \param places  [token] place of each token in that order; undefined: its own
at::Tensor merged_patches(const VisionSpec& spec, const TowerWeights& weights,
                          const at::Tensor& places, const at::Tensor& stream);

}  // namespace lensbench
