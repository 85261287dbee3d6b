#pragma once

#include <cstddef>
#include <string>

#include "report/figure/map.hpp"

namespace lensbench::figure {

/// A panel with too many cells for rectangles, as an image.
struct MapImage {
  std::string png;
  std::size_t pooled_rows = 1, pooled_columns = 1;  ///< cells that share a pixel
  /// Rows and columns that the image covers: those of the map, rounded up to whole pixels.
  std::size_t rows = 0, columns = 0;
  bool missing = false;  ///< some pixels do not have a value
};

/// Draws a panel cell by cell. A cell is several pixels high and wide where there are few of them,
/// because renderers smooth images. Of more than `most_pixels` rows or columns, neighbours share a
/// pixel: the largest of their values, or the mean where the colours are around zero, since the
/// largest would hide those below zero.
MapImage image_of(const Map& map, const MapPanel& panel, const ColourScale& colours,
                  std::size_t most_pixels);

}  // namespace lensbench::figure
