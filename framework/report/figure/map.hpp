#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/figure/drawing.hpp"

namespace lensbench::figure {

/// One map of a figure.
struct MapPanel {
  std::string title;
  std::vector<double> values;        ///< row by row
  std::vector<std::string> texts;    ///< a text for each cell; may be empty
  std::vector<double> contour = {};  ///< for each column the number of the row above whose lower
                                     ///< edge the line runs; negative: none; may be empty
};

/// Maps that share axes and colours.
struct Map {
  Axis rows, columns;
  std::vector<MapPanel> panels;
  std::size_t panels_across = 1;
  bool upward = false;    ///< the first row is the lowest
  bool square = false;    ///< cells are as high as wide
  bool triangle = false;  ///< columns after the row have no cell: keys after their query
};

/// Largest number of cells of a panel that are drawn as rectangles; more become an image.
constexpr std::size_t kMostRects = 20000;

/// Most columns of a map whose cells have texts without being asked for.
constexpr std::size_t kMostTextColumns = 30;

/// Draws the maps with labels, colour bar and legend.
void draw_map(Drawing& drawing, const Map& map);

// What a figure of each kind shows; each function fills the scene of `drawing`.

void draw_heatmap(Drawing& drawing);
void draw_attention(Drawing& drawing);
void draw_lines(Drawing& drawing, bool several);
void draw_bars(Drawing& drawing);
void draw_points(Drawing& drawing);
void draw_tokens(Drawing& drawing);
void draw_patches(Drawing& drawing);

}  // namespace lensbench::figure
