#pragma once

#include "vision/picture.hpp"

namespace lensbench::vision {

/// Which axis is resized first. Values are rounded to 8 bits between the two, so that it matters.
enum class ResizeOrder {
  pillow13,  ///< height first where it shrinks by more than twice what the width grows (Pillow 13)
  width_first,  ///< always the width (Pillow before 13)
};

/// Resizes with Pillow's bicubic filter (a = -0.5, wider where a side shrinks) to the same bytes.
/// An axis that keeps its length is not filtered.
Picture resize_bicubic(const Picture& picture, PictureSize size,
                       ResizeOrder order = ResizeOrder::pillow13);

}  // namespace lensbench::vision
