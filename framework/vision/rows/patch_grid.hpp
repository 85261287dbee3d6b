#pragma once

#include <cstdint>

#include "vision/picture.hpp"

namespace lensbench::vision {

/// Number of patches of a picture along time, height and width (`image_grid_thw` of transformers).
/// A still picture has the time 1.
struct PatchGrid {
  std::int64_t time = 1;
  std::int64_t height = 0;
  std::int64_t width = 0;

  std::int64_t patches() const { return time * height * width; }
  /// Tokens that a prompt holds for the picture: one for `merge` x `merge` patches.
  std::int64_t tokens(std::int64_t merge) const { return patches() / (merge * merge); }
  bool operator==(const PatchGrid&) const = default;
};

/// Sizes of what a model takes a picture apart into.
struct PatchShape {
  std::int64_t patch = 14;    ///< pixels on a side of a patch
  std::int64_t merge = 2;     ///< patches on a side of a token
  std::int64_t temporal = 2;  ///< frames in a patch; a still picture is repeated

  std::int64_t token_side() const { return patch * merge; }
  /// Values of a patch: three colours of every pixel of every frame.
  std::int64_t values() const { return 3 * temporal * patch * patch; }
  bool operator==(const PatchShape&) const = default;
};

}  // namespace lensbench::vision
