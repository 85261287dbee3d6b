#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <lensbench/profile.hpp>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <vector>

#include "model/weights/weights.hpp"

namespace lensbench {

/// Runs the vision tower over pictures, each of which sees itself alone.
/// \param pictures  at least one
/// \return [token, d_model of the text model] in the type of the weights, picture by picture, in
///   each row by row
/// \throws UsageError for rows that are not those of the stated patches
at::Tensor run_tower(const VisionSpec& spec, const TowerWeights& weights,
                     const std::vector<PictureRows>& pictures);

/// Stream of the tower as it is computed: of a tower with windows, window by window.
/// \param block   number of blocks before it
/// \param stream  [patch, d_model of the tower]
using TowerReader = std::function<void(std::int64_t block, const at::Tensor& stream)>;

/// As `run_tower`, and gives the stream before the first and after each block.
at::Tensor run_tower(const VisionSpec& spec, const TowerWeights& weights,
                     const std::vector<PictureRows>& pictures, const TowerReader& read);

/// The merger on a stream of the tower: one token for each square of patches, in the order of the
/// text model. For the stream after fewer than all blocks this is the tower lens.
/// \param stream  [patch, d_model of the tower] as a `TowerReader` gets it
at::Tensor merge_patches(const VisionSpec& spec, const TowerWeights& weights,
                         const std::vector<PictureRows>& pictures, const at::Tensor& stream);

}  // namespace lensbench
