#include "report/figure/map_image.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "report/figure/scene/png.hpp"

namespace lensbench::figure {
namespace {

constexpr std::size_t kEnoughPixels = 1400;
/// Colours of values; one more is that of a missing value.
constexpr int kShades = 255;

/// Blocks of cells along one dimension of a map.
struct Blocks {
  std::size_t cells, pool, count, pixels;

  Blocks(std::size_t n, std::size_t most_pixels)
      : cells(n),
        pool((n + most_pixels - 1) / most_pixels),
        count((n + pool - 1) / pool),
        pixels(std::max<std::size_t>(1, std::min(kEnoughPixels, most_pixels) / count)) {}
  std::size_t begin(std::size_t block) const { return block * pool; }
  std::size_t end(std::size_t block) const { return std::min(cells, (block + 1) * pool); }
};

/// Value of the pixel of a block; NaN if none of its cells has one.
double pooled(const MapPanel& panel, const ColourScale& colours, const Blocks& rows,
              const Blocks& columns, std::size_t row_block, std::size_t column_block) {
  double largest = std::nan(""), sum = 0;
  std::size_t n = 0;
  for (std::size_t row = rows.begin(row_block); row < rows.end(row_block); ++row)
    for (std::size_t column = columns.begin(column_block); column < columns.end(column_block);
         ++column) {
      const double value = panel.values[row * columns.cells + column];
      if (!colours.can_show(value)) continue;
      largest = n == 0 ? value : std::max(largest, value);
      sum += value;
      ++n;
    }
  return colours.around_zero && n > 0 ? sum / static_cast<double>(n) : largest;
}

std::vector<Colour> shades(const ColourScale& colours) {
  std::vector<Colour> all;
  all.reserve(kShades + 1);
  for (int i = 0; i < kShades; ++i)
    all.push_back(colours.colour(colours.scale.value((i + 0.5) / kShades)));
  all.push_back(kNoValue);
  return all;
}

}  // namespace

MapImage image_of(const Map& map, const MapPanel& panel, const ColourScale& colours,
                  std::size_t most_pixels) {
  const Blocks rows(map.rows.size(), most_pixels), columns(map.columns.size(), most_pixels);
  MapImage image{.png = {},
                 .pooled_rows = rows.pool,
                 .pooled_columns = columns.pool,
                 .rows = rows.count * rows.pool,
                 .columns = columns.count * columns.pool};
  std::string pixels;
  pixels.reserve(rows.count * rows.pixels * columns.count * columns.pixels);
  for (std::size_t line = 0; line < rows.count; ++line) {
    const std::size_t row = map.upward ? rows.count - 1 - line : line;
    std::string one;
    for (std::size_t column = 0; column < columns.count; ++column) {
      const double value = pooled(panel, colours, rows, columns, row, column);
      int index = kShades;
      if (colours.can_show(value))
        index = static_cast<int>(std::clamp(colours.scale.share(value), 0.0, 1.0) * kShades);
      else
        image.missing = true;
      // The high end of the scale has the last shade.
      if (index == kShades && colours.can_show(value)) --index;
      one.append(columns.pixels, static_cast<char>(index));
    }
    for (std::size_t i = 0; i < rows.pixels; ++i) pixels += one;
  }
  image.png =
      png_of(columns.count * columns.pixels, rows.count * rows.pixels, pixels, shades(colours));
  return image;
}

}  // namespace lensbench::figure
