#pragma once

#include <array>
#include <vector>

#include "vision/picture.hpp"
#include "vision/rows/patch_grid.hpp"

namespace lensbench::vision {

/// What makes numbers of bytes: (byte · rescale - mean) / std for each colour. The defaults are
/// those of CLIP.
struct Normalization {
  double rescale = 0.00392156862745098;
  std::array<double, 3> mean = {0.48145466, 0.4578275, 0.40821073};
  std::array<double, 3> std = {0.26862954, 0.26130258, 0.27577711};

  bool operator==(const Normalization&) const = default;
};

/// Rows of numbers that a vision tower reads, one for each patch.
struct PixelRows {
  PatchGrid grid;
  std::vector<float> values;  ///< `[patch, colour · frame · y · x]`
};

/// Cuts a resized picture into patches and normalizes it, to the same numbers as `pixel_values` of
/// transformers. Patches come token by token, row by row; inside a token row by row as well.
/// \param picture  with sides that are multiples of `shape.token_side()`
/// \throws UsageError for other sides
PixelRows pixel_rows(const Picture& picture, const PatchShape& shape = {},
                     const Normalization& normalization = {});

}  // namespace lensbench::vision
