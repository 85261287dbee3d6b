#pragma once

#include <optional>
#include <string_view>

namespace lensbench::vision {

/// Content of the orientation tag of an EXIF block, also if it is not one of 1 to 8; empty if the
/// block lacks the tag or is not readable.
/// \param exif  a TIFF structure, perhaps after the mark "Exif\0\0"
std::optional<int> exif_orientation(std::string_view exif);

/// The digit of `tiff:Orientation` in an XMP packet.
std::optional<int> xmp_orientation(std::string_view xmp);

/// Orientation of a picture, 1 to 8: that of EXIF, and where EXIF does not have the tag that of
/// XMP. 1 where neither has a valid one.
int orientation_of(std::string_view exif, std::string_view xmp);

}  // namespace lensbench::vision
