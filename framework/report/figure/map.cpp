#include "report/figure/map.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

#include "report/figure/map_image.hpp"
#include "report/figure/scene/text_width.hpp"

namespace lensbench::figure {
namespace {

constexpr double kRowHeight = 10, kTitleHeight = 10, kGap = 8;
constexpr double kHighestPlot = 420;
constexpr double kLowestPlot = 30;  ///< three labels of the colour bar fit into this height
constexpr double kMostShareOfWidth = 0.8;
/// A cell overlaps the next ones by so much, so that viewers of PDF show no lines between cells.
constexpr double kOverlap = 0.3;

/// Places of everything on the page.
struct Layout {
  double left = 0, top = 0;  ///< corner of the first panel
  double cell_width = 0, cell_height = 0;
  double panel_width = 0, panel_height = 0;
  double step_x = 0, step_y = 0;  ///< from panel to panel
  std::size_t down = 1;           ///< number of rows of panels
  double bar_width = 0;
  AxisLabels rows, columns;
};

std::vector<double> all_values(const Map& map) {
  std::vector<double> values;
  for (const MapPanel& panel : map.panels)
    values.insert(values.end(), panel.values.begin(), panel.values.end());
  return values;
}

/// Draws one map figure. The layout is found first, because labels depend on the size of cells and
/// the size of cells on the room that labels leave.
class MapPainter {
 public:
  MapPainter(Drawing& drawing, const Map& map)
      : drawing_(drawing), map_(map), colours_(colour_scale(drawing, all_values(map))) {
    lay_out();
  }

  void paint() {
    for (std::size_t i = 0; i < map_.panels.size(); ++i) paint_panel(i);
    row_title();
    add_colour_bar(drawing_, colours_,
                   at_.left + at_.step_x * static_cast<double>(across() - 1) + at_.panel_width,
                   at_.top, bar_height());
    end(drawing_, legend(plot_bottom() + below_));
  }

 private:
  std::size_t across() const { return std::min(map_.panels_across, map_.panels.size()); }
  double n_rows() const { return static_cast<double>(map_.rows.size()); }
  double n_columns() const { return static_cast<double>(map_.columns.size()); }
  double bar_height() const {
    return at_.step_y * static_cast<double>(at_.down - 1) + at_.panel_height;
  }
  double plot_bottom() const { return at_.top + bar_height(); }

  void lay_out() {
    const auto n_across = static_cast<double>(across());
    at_.down = (map_.panels.size() + across() - 1) / across();
    const auto n_down = static_cast<double>(at_.down);
    const double title = map_.panels.size() > 1 ? kTitleHeight : 0;
    // The height of rows decides which labels they have, and the labels the width that remains.
    at_.cell_height = kRowHeight;
    for (int pass = 0; pass < 2; ++pass) {
      at_.rows = row_labels(map_.rows, at_.cell_height, longest_label(drawing_));
      at_.bar_width = colour_bar_width(colours_, pass == 0 ? kHighestPlot : bar_height());
      at_.left = kMargin + kLineHeight + at_.rows.extent + kTick + 1.5;
      const double room = drawing_.scene.width - at_.left - at_.bar_width - kMargin;
      at_.panel_width = (room - kGap * (n_across - 1)) / n_across;
      if (at_.panel_width < 10)
        throw UsageError("--width: the labels leave no room for the map; make the figure wider");
      at_.cell_width = at_.panel_width / n_columns();
      at_.columns = column_labels(map_.columns, at_.cell_width, longest_label(drawing_));
      below_ = kTick + 1.5 + at_.columns.extent + kLineHeight;
      at_.panel_height = chosen_height();
      const double others = (title + kGap) * (n_down - 1) + title;
      const double legends = has_legend() ? kLineHeight : 0;
      const double all =
          plot_height(drawing_, below_ + others + legends, at_.panel_height * n_down);
      at_.panel_height = all / n_down;
      at_.cell_height = at_.panel_height / n_rows();
      at_.step_y = at_.panel_height + kGap + title;
    }
    at_.top = drawing_.top + title;
    at_.step_x = at_.panel_width + kGap;
  }

  double chosen_height() const {
    if (map_.square) return at_.panel_width / n_columns() * n_rows();
    const double width = at_.panel_width * static_cast<double>(across());
    const double most = std::max(kMostShareOfWidth * width, 60.0);
    const bool texts = map_.rows.is_text;
    // Rows with texts need a line each; numbered rows may be thinner than their labels.
    return std::max(kLowestPlot, std::min(n_rows() * kRowHeight, texts ? kHighestPlot : most));
  }

  double row_y(std::size_t row) const {
    const double place = static_cast<double>(map_.upward ? map_.rows.size() - 1 - row : row);
    return place * at_.cell_height;
  }

  void paint_panel(std::size_t number) {
    const MapPanel& panel = map_.panels[number];
    const std::size_t column = number % across(), row = number / across();
    const double x = at_.left + at_.step_x * static_cast<double>(column);
    const double y = at_.top + at_.step_y * static_cast<double>(row);
    if (!panel.title.empty())
      drawing_.scene.add(Text{.x = x + at_.panel_width / 2,
                              .y = y - 3,
                              .text = cut_text(panel.title, kTextSize, at_.panel_width),
                              .anchor = Anchor::middle});
    if (panel.values.size() <= std::min(kMostRects, drawing_.request.most_rects))
      rects(panel, x, y);
    else
      image(panel, x, y);
    contour(panel, x, y);
    cell_texts(panel, x, y);
    if (column == 0) label_rows(x, y);
    const bool lowest = number + across() >= map_.panels.size();
    if (lowest) label_columns(x, y + at_.panel_height);
  }

  bool is_drawn(std::size_t row, std::size_t column) const {
    return !map_.triangle || map_.columns.numbers[column] <= map_.rows.numbers[row];
  }

  void rects(const MapPanel& panel, double x, double y) {
    Cells cells;
    cells.rects.reserve(panel.values.size());
    Path marks{.parts = {}, .stroke = Colour{0xb4, 0xb4, 0xb4}, .width = 0.4};
    // From the top down, so that a cell covers what the one above it overlaps.
    for (std::size_t line = 0; line < map_.rows.size(); ++line) {
      const std::size_t row = map_.upward ? map_.rows.size() - 1 - line : line;
      const double top = y + row_y(row);
      for (std::size_t column = 0; column < map_.columns.size(); ++column) {
        if (!is_drawn(row, column)) continue;
        const double left = x + static_cast<double>(column) * at_.cell_width;
        const double value = panel.values[row * map_.columns.size() + column];
        const bool last = column + 1 == map_.columns.size() || !is_drawn(row, column + 1);
        const double width = at_.cell_width + (last ? 0 : kOverlap);
        const double height = at_.cell_height + (line + 1 == map_.rows.size() ? 0 : kOverlap);
        cells.rects.push_back({left, top, width, height, cell_colour(value)});
        if (!colours_.can_show(value))
          marks.parts.push_back({{left, top + at_.cell_height}, {left + at_.cell_width, top}});
      }
    }
    drawing_.scene.add(std::move(cells));
    if (!marks.parts.empty()) drawing_.scene.add(std::move(marks));
  }

  Colour cell_colour(double value) const {
    if (colours_.can_show(value)) return colours_.colour(value);
    missing_ = true;
    return kNoValue;
  }

  void image(const MapPanel& panel, double x, double y) {
    MapImage image = image_of(map_, panel, colours_, drawing_.request.most_pixels);
    missing_ = missing_ || image.missing;
    for (const auto& [pool, what] :
         {std::pair(image.pooled_columns, "columns"), std::pair(image.pooled_rows, "rows")})
      if (pool > 1)
        drawing_.notes.push_back("a pixel of the map is the " +
                                 std::string(colours_.around_zero ? "mean" : "largest value") +
                                 " of " + std::to_string(pool) + " neighbouring " + what);
    // Cells keep their places where the last pixel covers fewer cells than the others.
    const double height = at_.cell_height * static_cast<double>(image.rows);
    const double above = map_.upward ? height - at_.panel_height : 0;
    drawing_.scene.add(Image{.x = x,
                             .y = y - above,
                             .width = at_.cell_width * static_cast<double>(image.columns),
                             .height = height,
                             .png = std::move(image.png)});
  }

  /// Line on the lower edge of the first row from which on the final answer stays, column by
  /// column.
  void contour(const MapPanel& panel, double x, double y) {
    if (!has_contour()) return;
    Path line{.parts = {}, .stroke = kPaper, .width = 2};
    bool connected = false;
    for (std::size_t column = 0; column < panel.contour.size(); ++column) {
      const auto& numbers = map_.rows.numbers;
      const double value = panel.contour[column];
      const auto row = std::find(numbers.begin(), numbers.end(), value) - numbers.begin();
      if (value < numbers.front() || row == std::ssize(numbers)) {
        connected = false;
        continue;
      }
      const double level = y + row_y(static_cast<std::size_t>(row)) + at_.cell_height;
      const double left = x + static_cast<double>(column) * at_.cell_width;
      if (!connected) line.parts.emplace_back();
      line.parts.back().push_back({left, level});
      line.parts.back().push_back({left + at_.cell_width, level});
      connected = true;
    }
    if (line.parts.empty()) return;
    // Dark on light, so that it is seen on every colour.
    drawing_.scene.add(line);
    line.stroke = kInk;
    line.width = 0.9;
    drawing_.scene.add(std::move(line));
    contour_drawn_ = true;
  }

  bool has_contour() const {
    return std::any_of(map_.panels.begin(), map_.panels.end(),
                       [](const MapPanel& panel) { return !panel.contour.empty(); }) &&
           map_.panels.front().values.size() <= kMostRects;
  }

  bool has_legend() const {
    if (has_contour()) return true;
    for (const MapPanel& panel : map_.panels)
      if (!std::all_of(panel.values.begin(), panel.values.end(),
                       [&](double v) { return colours_.can_show(v); }))
        return true;
    return false;
  }

  /// Share of the texts of a panel that fit into their cells.
  double share_that_fits(const std::vector<std::string>& texts) const {
    std::size_t fits = 0;
    for (const std::string& text : texts) fits += text_width(text, kTextSize) + 2 <= at_.cell_width;
    return static_cast<double>(fits) / static_cast<double>(texts.size());
  }

  void cell_texts(const MapPanel& panel, double x, double y) {
    const CellContent content = drawing_.request.cells;
    if (content == CellContent::none) return;
    if (content == CellContent::number) return numbers(panel, x, y);
    if (panel.texts.empty()) {
      if (content == CellContent::text)
        throw UsageError(drawing_.request.variable +
                         ": --cells text needs the tokens of a lens, a "
                         "variable 'top_id' over the same dimensions; use --cells number");
      return;
    }
    const bool possible = at_.cell_height >= kLineHeight - 1 && at_.cell_width >= 9;
    if (content == CellContent::text) {
      if (!possible) return note_small_cells();
    } else {
      if (map_.columns.size() > kMostTextColumns || !possible) return;
      if (share_that_fits(panel.texts) < 0.8) return;
    }
    write_cells(panel, panel.texts, x, y);
  }

  void numbers(const MapPanel& panel, double x, double y) {
    std::vector<std::string> texts;
    for (const double value : panel.values) texts.push_back(short_number(value));
    // A number that is cut would be another number.
    if (at_.cell_height < kLineHeight - 1 || share_that_fits(texts) < 1) return note_small_cells();
    write_cells(panel, texts, x, y);
  }

  void note_small_cells() {
    drawing_.notes.push_back(
        "the cells are too small for texts (" + decimal(at_.cell_width, 1) + " by " +
        decimal(at_.cell_height, 1) +
        " pt); make the figure larger with --width and --height, or draw fewer "
        "tokens with --tokens");
  }

  void write_cells(const MapPanel& panel, const std::vector<std::string>& texts, double x,
                   double y) {
    for (std::size_t row = 0; row < map_.rows.size(); ++row)
      for (std::size_t column = 0; column < map_.columns.size(); ++column) {
        if (!is_drawn(row, column)) continue;
        const std::size_t index = row * map_.columns.size() + column;
        drawing_.scene.add(Text{.x = x + (static_cast<double>(column) + 0.5) * at_.cell_width,
                                .y = y + row_y(row) + at_.cell_height / 2 + kMiddle,
                                .text = cut_text(texts[index], kTextSize, at_.cell_width - 1),
                                .anchor = Anchor::middle,
                                .fill = ink_on(cell_colour(panel.values[index]))});
      }
  }

  void label_rows(double x, double y) {
    Path marks{.parts = {}};
    for (const auto& [row, text] : at_.rows.shown) {
      const double middle = y + row_y(row) + at_.cell_height / 2;
      marks.parts.push_back({{x - kTick, middle}, {x - 0.3, middle}});
      drawing_.scene.add(
          Text{.x = x - kTick - 1.5, .y = middle + kMiddle, .text = text, .anchor = Anchor::end});
    }
    drawing_.scene.add(std::move(marks));
  }

  void label_columns(double x, double y) {
    Path marks{.parts = {}};
    for (const auto& [column, text] : at_.columns.shown) {
      const double middle = x + (static_cast<double>(column) + 0.5) * at_.cell_width;
      marks.parts.push_back({{middle, y + 0.3}, {middle, y + kTick}});
      if (at_.columns.upright)
        drawing_.scene.add(Text{.x = middle + kMiddle,
                                .y = y + kTick + 1.5,
                                .text = text,
                                .anchor = Anchor::end,
                                .upright = true});
      else
        drawing_.scene.add(Text{
            .x = middle, .y = y + kTick + 1 + kTextSize, .text = text, .anchor = Anchor::middle});
    }
    drawing_.scene.add(std::move(marks));
    drawing_.scene.add(Text{.x = x + at_.panel_width / 2,
                            .y = y + below_ - 2,
                            .text = at_.columns.title,
                            .anchor = Anchor::middle});
  }

  void row_title() {
    drawing_.scene.add(Text{.x = kMargin + kTextSize - 1,
                            .y = (at_.top + plot_bottom()) / 2,
                            .text = at_.rows.title,
                            .anchor = Anchor::middle,
                            .upright = true});
  }

  /// Explains the marks that are not values. \return lower end of the legend
  double legend(double y) {
    if (!missing_ && !contour_drawn_) return y;
    double x = at_.left;
    const double middle = y + kLineHeight / 2;
    if (contour_drawn_) {
      drawing_.scene.add(straight(x, middle, x + 10, middle, kInk, 0.9));
      const std::string text = "above: the first choice is the final one";
      drawing_.scene.add(Text{.x = x + 12.5, .y = middle + kMiddle, .text = text});
      x += 12.5 + text_width(text, kTextSize) + 8;
    }
    if (missing_) {
      drawing_.scene.add(Rect{x, middle - 3, 10, 6, kNoValue});
      drawing_.scene.add(straight(x, middle + 3, x + 10, middle - 3, {0xb4, 0xb4, 0xb4}, 0.4));
      drawing_.scene.add(Text{.x = x + 12.5, .y = middle + kMiddle, .text = "no value"});
    }
    return y + kLineHeight;
  }

  Drawing& drawing_;
  const Map& map_;
  ColourScale colours_;
  Layout at_;
  double below_ = 0;
  mutable bool missing_ = false;
  bool contour_drawn_ = false;
};

}  // namespace

void draw_map(Drawing& drawing, const Map& map) {
  MapPainter(drawing, map).paint();
}

}  // namespace lensbench::figure
