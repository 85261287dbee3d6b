#pragma once

#include <string>

#include "vision/picture.hpp"

namespace lensbench::vision {

/// A JPEG file of a picture. Equal pixels give equal bytes with one version of libjpeg.
/// \param quality  1 to 100
/// \throws RunError if libjpeg cannot write it, such as a side of more than 65,500 pixels
std::string jpeg_of(const Picture& picture, int quality);

}  // namespace lensbench::vision
