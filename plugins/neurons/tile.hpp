#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace lensbench::neurons {

/// Neurons of a tile: one line of the cache in each row.
inline constexpr std::int64_t kTileColumns = 16;
/// Most rows of a tile.
inline constexpr std::int64_t kTileRows = 256;

/// Activations of a few neurons at some tokens, one row after another, so that they are read from
/// the fastest cache as often as needed.
struct Tile {
  const float* values = nullptr;  ///< [row, kTileColumns]; 0 in columns that no neuron has
  std::int64_t rows = 0, columns = 0;
  std::int64_t first_row = 0, first_column = 0;  ///< in the whole
};

/// Calls `use` with each tile of rows [row, width]: a few rows after another, and the columns of
/// these from left to right. The values of a tile last as long as the call.
template <class Use>
void for_each_tile(const float* values, std::int64_t width, std::int64_t rows, const Use& use) {
  // Several tiles at a time, because the processor reads neighbouring lines together.
  constexpr std::int64_t kTiles = 4, kStride = kTileRows * kTileColumns;
  std::vector<float> tiles(kTiles * kStride);
  for (std::int64_t row = 0; row < rows; row += kTileRows)
    for (std::int64_t column = 0; column < width; column += kTiles * kTileColumns) {
      const std::int64_t some = std::min(kTileRows, rows - row);
      const std::int64_t columns = std::min(kTiles * kTileColumns, width - column);
      for (std::int64_t r = 0; r < some; ++r) {
        const float* from = values + (row + r) * width + column;
        float* to = tiles.data() + r * kTileColumns;
        std::int64_t i = 0;
        for (; i + kTileColumns <= columns; i += kTileColumns, to += kStride)
          std::memcpy(to, from + i, kTileColumns * sizeof(float));
        if (i == columns) continue;
        std::fill_n(to, kTileColumns, 0.0F);
        std::copy(from + i, from + columns, to);
      }
      for (std::int64_t i = 0; i < columns; i += kTileColumns)
        use(Tile{tiles.data() + i / kTileColumns * kStride, some,
                 std::min(kTileColumns, columns - i), row, column + i});
    }
}

}  // namespace lensbench::neurons
