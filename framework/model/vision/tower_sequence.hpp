#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <vector>

#include "vision/geometry/windows.hpp"

namespace lensbench {

/// Sizes of the parts into which a tower cuts a picture.
vision::PatchShape patch_shape(const VisionSpec& spec);

/// Patches of each picture.
std::vector<vision::PatchGrid> patch_grids(const std::vector<PictureRows>& pictures);

/// Pictures as one sequence of patches. A tower with windows computes them window by window, all
/// others as they are given.
struct TowerSequence {
  at::Tensor rows;      ///< [patch, values], as given
  at::Tensor order;     ///< [patch] row of each computed patch; undefined: as given
  at::Tensor cos, sin;  ///< [patch, 1, d_head / 2] float32, as computed
  /// Patch at which each frame and each window begins, and their number, as computed.
  std::vector<std::int64_t> frames, windows;
  at::Tensor places;  ///< [token] place of each token as computed; undefined: as given
};

/// \throws UsageError for rows that are not those of the stated patches
TowerSequence tower_sequence(const VisionSpec& spec, const std::vector<PictureRows>& pictures,
                             const at::TensorOptions& like);

/// True if the patches of a block attend to their whole frame, not to their window.
bool attends_to_frame(const VisionSpec& spec, std::int64_t block);

/// Row of each patch in the order of a tower with windows.
std::vector<std::int64_t> patch_order(const VisionSpec& spec, const vision::WindowOrder& order);

}  // namespace lensbench
