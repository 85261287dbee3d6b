#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "report/figure/palette.hpp"

namespace lensbench::figure {

// What a figure consists of. Lengths are points (1/72 inch) from the upper left corner.

constexpr double kTextSize = 7;      ///< size of all texts, whatever the size of the figure
constexpr double kLineHeight = 8.6;  ///< distance of two lines of text
/// Distance from the middle of a line of text down to its baseline.
constexpr double kMiddle = 2.5;
constexpr double kPointsPerMm = 72 / 25.4;

/// A filled rectangle.
struct Rect {
  double x = 0, y = 0, width = 0, height = 0;
  Colour fill;
};

/// Rectangles without gaps and without smoothed edges: the cells of a map.
struct Cells {
  std::vector<Rect> rects;
  double opacity = 1;
};

/// A line through points, or a filled shape.
struct Path {
  std::vector<std::vector<std::pair<double, double>>> parts;  ///< each is a line of its own
  std::optional<Colour> stroke = kInk;
  double width = 0.6;
  std::optional<Colour> fill = {};
  double opacity = 1;
  bool dashed = false;
};

struct Dot {
  double x = 0, y = 0, radius = 1.6;
  Colour fill = kInk;
};

enum class Anchor { start, middle, end };

struct Text {
  double x = 0, y = 0;  ///< begin of the baseline
  std::string text;     ///< from `visible`
  Anchor anchor = Anchor::start;
  Colour fill = kInk;
  bool bold = false;
  bool upright = false;  ///< turned by 90 degrees, to be read from below
};

/// A PNG, whose pixels are not smoothed, or a JPEG, stretched to a rectangle.
struct Image {
  double x = 0, y = 0, width = 0, height = 0;
  std::string png = {};
  std::string jpeg = {};  ///< in the place of the PNG
};

using Item = std::variant<Rect, Cells, Path, Dot, Text, Image>;

/// A picture: its items in the order in which they are painted.
struct Scene {
  double width = 0, height = 0;
  std::string font;         ///< families, separated by commas
  std::string title;        ///< short text for screen readers
  std::string description;  ///< facts about the picture
  std::vector<Item> items;

  template <class Kind>
  void add(Kind item) {
    items.emplace_back(std::in_place_type<Kind>, std::move(item));
  }
};

/// A straight line.
Path straight(double x1, double y1, double x2, double y2, Colour colour = kInk, double width = 0.6);

/// The scene as one `<svg>` element: without an XML declaration, ids and scripts.
std::string svg_of(const Scene& scene);

}  // namespace lensbench::figure
