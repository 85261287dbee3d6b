#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <lensbench/tokens.hpp>

namespace lensbench::common {

inline bool same_picture(const PictureRows& a, const PictureRows& b) {
  return a.height == b.height && a.width == b.width && a.frames == b.frames &&
         a.seconds == b.seconds && a.rows.equal(b.rows);
}

/// Whether two prompts are equal. Placeholders of different pictures have the same ids.
inline bool same_prompt(const Tokens& a, const Tokens& b) {
  return a.ids == b.ids && std::equal(a.pictures.begin(), a.pictures.end(), b.pictures.begin(),
                                      b.pictures.end(), same_picture);
}

}  // namespace lensbench::common
