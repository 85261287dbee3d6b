#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "vision/rows/patch_grid.hpp"

namespace lensbench::vision {

/// Order in which a tower with windows (Qwen2.5-VL) computes the tokens of several pictures.
struct WindowOrder {
  /// Token of each place: numbers count through all pictures row by row (`window_index`).
  std::vector<std::int64_t> tokens;
  /// Place of each token: the inverse, which restores the order of rows.
  std::vector<std::int64_t> places;
  /// Patch at which each window begins, and their number (`cu_window_seqlens`).
  std::vector<std::int64_t> windows;
};

/// Cuts every frame of every picture into square windows, row by row; those at the right and at the
/// bottom may be smaller.
/// \param window  pixels on a side of a window
/// \throws UsageError if a window does not hold a token
WindowOrder window_order(std::span<const PatchGrid> grids, const PatchShape& shape,
                         std::int64_t window);

/// Patch at which each frame of each picture begins, and their number (`cu_seqlens`): a patch
/// attends to its own frame only.
std::vector<std::int64_t> frame_starts(std::span<const PatchGrid> grids);

/// Where a row of numbers comes from.
struct PatchPlace {
  std::int64_t picture, frame, row, column;

  bool operator==(const PatchPlace&) const = default;
};

/// Place of every patch in the order of `pixel_rows`, pictures one after the other.
std::vector<PatchPlace> patch_places(std::span<const PatchGrid> grids, std::int64_t merge);

}  // namespace lensbench::vision
