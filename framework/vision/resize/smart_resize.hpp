#pragma once

#include <string>

#include "vision/picture.hpp"

namespace lensbench::vision {

/// Bounds of the area of a resized picture, in pixels.
struct PixelLimits {
  std::int64_t min_pixels = 3'136;
  std::int64_t max_pixels = 1'003'520;
};

/// Size that a picture is resized to: sides are multiples of `factor` near the picture's own, and
/// made smaller or larger together where the area is outside of the limits. The area of a very long
/// picture may still be above its limit. (`smart_resize` of transformers' Qwen2VLImageProcessor.)
/// \param factor  pixels on a side of one token: patch size times merge size
/// \param file    named in messages
/// \throws InputError if one side is more than 200 times the other, or the new size has more than
/// `kMostPixels` pixels
PictureSize smart_resize(PictureSize size, std::int64_t factor, const PixelLimits& limits,
                         const std::string& file);

}  // namespace lensbench::vision
