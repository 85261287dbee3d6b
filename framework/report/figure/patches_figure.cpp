#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <limits>

#include "report/figure/map.hpp"
#include "report/figure/scene/text_width.hpp"

// Values over the rectangles of a picture: a panel for each layer and picture, without smoothing.

namespace lensbench::figure {
namespace {

constexpr std::size_t kMostPatchPanels = 64;
constexpr double kPatchGap = 6, kPatchTitle = 10;
/// Opacity of rectangles over a picture.
constexpr double kOverPhoto = 0.6;

/// Rectangle of each token, and the number of its picture.
struct Places {
  std::vector<double> image, x0, y0, x1, y1;
  bool in_pixels = true;  ///< false: squares, since the size of the picture is not known
};

/// Values of a coordinate of the tokens, of the case that is drawn; empty if the dataset lacks it.
std::vector<double> coordinate(const Drawing& drawing, const std::string& name) {
  if (!drawing.dataset.contains(name)) return {};
  const Variable& variable = drawing.dataset[name];
  if (variable.is_text() || variable.dims != std::vector<std::string>{"image_token"}) return {};
  return values_of(slice_of_labels(drawing, variable));
}

/// Rectangles of the picture, or squares by row and column if its size is not in the archive.
Places places_of(Drawing& drawing, std::size_t tokens) {
  Places places{coordinate(drawing, "image"), coordinate(drawing, "x0"), coordinate(drawing, "y0"),
                coordinate(drawing, "x1"), coordinate(drawing, "y1")};
  if (places.image.empty()) places.image.assign(tokens, 0);
  bool known = places.image.size() == tokens;
  for (const auto* edge : {&places.x0, &places.y0, &places.x1, &places.y1})
    known = known && edge->size() == tokens;
  if (known) return places;
  const std::vector<double> row = coordinate(drawing, "row"),
                            column = coordinate(drawing, "column");
  if (row.size() != tokens || column.size() != tokens || places.image.size() != tokens)
    throw UsageError(
        drawing.request.variable +
        ": it does not have rectangles of a picture, which --kind patches needs; leave "
        "--kind out");
  drawing.notes.push_back(
      "the archive does not have the size of the picture, so that its tokens are drawn as squares");
  places.in_pixels = false;
  places.x0 = places.x1 = column;
  places.y0 = places.y1 = row;
  for (double& right : places.x1) right += 1;
  for (double& lower : places.y1) lower += 1;
  return places;
}

/// Values of the tokens of one picture.
struct Panel {
  std::string title;
  std::vector<double> values;       ///< one for each token of the case
  std::vector<std::size_t> tokens;  ///< those of the picture; none for the picture alone
  double width = 0, height = 0;     ///< size of the picture
  const CasePhoto* photo = nullptr;
};

/// Tokens of each picture, in order.
std::vector<std::vector<std::size_t>> tokens_by_image(const Places& places) {
  std::vector<std::vector<std::size_t>> pictures;
  double last = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = 0; i < places.image.size(); ++i) {
    if (places.image[i] != last) pictures.emplace_back();
    last = places.image[i];
    pictures.back().push_back(i);
  }
  return pictures;
}

/// Rows of a slice [other axis, image_token] or of one [image_token], with their titles.
std::vector<std::pair<std::string, std::vector<double>>> rows_of_patches(const Slice& slice) {
  if (slice.axes.size() == 1) return {{"", values_of(slice)}};
  std::vector<std::pair<std::string, std::vector<double>>> rows;
  for (std::size_t i = 0; i < slice.length(0); ++i) {
    Slice row = slice;
    fix(row, 0, i);
    rows.emplace_back(words_of(slice.axes[0].dim) + " " + slice.axes[0].labels[i], values_of(row));
  }
  return rows;
}

/// The photo of the picture with these tokens; nullptr without one.
const CasePhoto* photo_of(const Drawing& drawing, const Places& places,
                          const std::vector<std::size_t>& tokens) {
  const auto& photos = drawing.request.photos;
  const double number = places.image[tokens.front()];
  // A number from an archive may be any.
  if (!places.in_pixels || !(number >= 0 && number < static_cast<double>(photos.size())))
    return nullptr;
  return &photos[static_cast<std::size_t>(number)];
}

std::string picture_words(const Places& places, const std::vector<std::size_t>& tokens) {
  return "picture " + decimal(places.image[tokens.front()], 0);
}

/// Each picture alone, for those that have a photo.
std::vector<Panel> photo_panels(const Drawing& drawing, const Places& places) {
  const auto pictures = tokens_by_image(places);
  std::vector<Panel> panels;
  for (const auto& tokens : pictures)
    if (const CasePhoto* photo = photo_of(drawing, places, tokens))
      panels.push_back({pictures.size() > 1 ? picture_words(places, tokens) : "picture",
                        {},
                        {},
                        static_cast<double>(photo->width),
                        static_cast<double>(photo->height),
                        photo});
  return panels;
}

std::vector<Panel> panels_of(const Drawing& drawing, const Slice& slice, const Places& places) {
  const auto pictures = tokens_by_image(places);
  std::vector<Panel> panels = photo_panels(drawing, places);
  for (const auto& [title, values] : rows_of_patches(slice))
    for (std::size_t picture = 0; picture < pictures.size(); ++picture) {
      Panel panel{title, values, pictures[picture],
                  0,     0,      photo_of(drawing, places, pictures[picture])};
      if (pictures.size() > 1)
        panel.title += (title.empty() ? "" : ", ") + picture_words(places, panel.tokens);
      for (const std::size_t token : panel.tokens) {
        panel.width = std::max(panel.width, places.x1[token]);
        panel.height = std::max(panel.height, places.y1[token]);
      }
      // Tokens at the edges may have been left out of the values.
      if (panel.photo != nullptr) {
        panel.width = std::max(panel.width, static_cast<double>(panel.photo->width));
        panel.height = std::max(panel.height, static_cast<double>(panel.photo->height));
      }
      panels.push_back(std::move(panel));
    }
  return panels;
}

/// Paints panels in rows, all pictures by the same factor.
class PatchPainter {
 public:
  PatchPainter(Drawing& drawing, std::vector<Panel> panels, const Places& places)
      : drawing_(drawing),
        panels_(std::move(panels)),
        places_(places),
        colours_(colour_scale(drawing, values())) {}

  void paint() {
    measure();
    for (std::size_t i = 0; i < panels_.size(); ++i) paint_panel(i);
    const double right = drawing_.scene.width - colour_bar_width(colours_, bar_height());
    add_colour_bar(drawing_, colours_, right, drawing_.top + title_height(), bar_height());
    end(drawing_, bottom());
  }

 private:
  std::vector<double> values() const {
    std::vector<double> all;
    for (const Panel& panel : panels_)
      for (const std::size_t token : panel.tokens) all.push_back(panel.values[token]);
    return all;
  }
  double title_height() const { return panels_.size() > 1 ? kPatchTitle : 0; }
  double bar_height() const { return std::max(40.0, std::min(panel_height_, 160.0)); }
  double bottom() const {
    const double rows =
        std::ceil(static_cast<double>(panels_.size()) / static_cast<double>(across_));
    return std::max(drawing_.top + rows * (panel_height_ + title_height() + kPatchGap) - kPatchGap,
                    drawing_.top + title_height() + bar_height());
  }

  /// Chooses the number of panels in a row for which they are largest within a figure that is at
  /// most 1.5 times as high as wide.
  void measure() {
    double width = 1, height = 1;
    for (const Panel& panel : panels_) {
      width = std::max(width, panel.width);
      height = std::max(height, panel.height);
    }
    const double room =
        drawing_.scene.width - 2 * kMargin - colour_bar_width(colours_, 100) - kPatchGap;
    const double highest =
        drawing_.request.height_mm ? plot_height(drawing_, kMargin, 1) : 1.5 * drawing_.scene.width;
    for (std::size_t across = 1; across <= panels_.size(); ++across) {
      const auto n = static_cast<double>(across);
      const double rows = std::ceil(static_cast<double>(panels_.size()) / n);
      const double factor =
          std::min((room - kPatchGap * (n - 1)) / n / width,
                   ((highest + kPatchGap) / rows - kPatchGap - title_height()) / height);
      if (factor <= factor_) continue;
      factor_ = factor;
      across_ = across;
    }
    if (factor_ * width < 4 || factor_ * height < 4)
      throw UsageError(drawing_.request.variable + ": " + std::to_string(panels_.size()) +
                       " panels do not fit; give a larger --width or fewer --layers");
    panel_width_ = factor_ * width;
    panel_height_ = factor_ * height;
  }

  void paint_panel(std::size_t number) {
    const Panel& panel = panels_[number];
    const std::size_t line = number / across_;
    const double left =
        kMargin + static_cast<double>(number % across_) * (panel_width_ + kPatchGap);
    const double top = drawing_.top + title_height() +
                       static_cast<double>(line) * (panel_height_ + title_height() + kPatchGap);
    if (!panel.title.empty() && panels_.size() > 1)
      drawing_.scene.add(Text{.x = left + factor_ * panel.width / 2,
                              .y = top - 3,
                              .text = cut_text(panel.title, kTextSize, panel_width_),
                              .anchor = Anchor::middle});
    if (panel.photo != nullptr)
      drawing_.scene.add(Image{.x = left,
                               .y = top,
                               .width = factor_ * static_cast<double>(panel.photo->width),
                               .height = factor_ * static_cast<double>(panel.photo->height),
                               .jpeg = panel.photo->jpeg});
    Cells cells;
    if (panel.photo != nullptr) cells.opacity = kOverPhoto;
    cells.rects.reserve(panel.tokens.size());
    for (const std::size_t token : panel.tokens) {
      const double value = panel.values[token];
      if (!colours_.can_show(value)) continue;
      cells.rects.push_back({left + factor_ * places_.x0[token], top + factor_ * places_.y0[token],
                             factor_ * (places_.x1[token] - places_.x0[token]),
                             factor_ * (places_.y1[token] - places_.y0[token]),
                             colours_.colour(value)});
    }
    if (!cells.rects.empty()) drawing_.scene.add(std::move(cells));
    const double right = left + factor_ * panel.width, lower = top + factor_ * panel.height;
    drawing_.scene.add(
        Path{.parts = {{{left, top}, {right, top}, {right, lower}, {left, lower}, {left, top}}},
             .width = 0.4});
  }

  Drawing& drawing_;
  std::vector<Panel> panels_;
  const Places& places_;
  ColourScale colours_;
  std::size_t across_ = 1;
  double factor_ = 0, panel_width_ = 0, panel_height_ = 0;
};

}  // namespace

void draw_patches(Drawing& drawing) {
  Slice slice = drawn_slice(drawing);
  for (const char* dim : {"case_number", "case", "concept", "rank"})
    if (const auto axis = slice.find(dim); axis && slice.axes.size() > 1) fix(slice, *axis, 0);
  const auto tokens = slice.find("image_token");
  if (!tokens || slice.axes.size() > 2)
    throw UsageError(drawing.request.variable +
                     ": it does not have values over the rectangles of a picture (dimension "
                     "image_token and at most one other), which --kind patches needs; leave --kind "
                     "out");
  if (slice.axes.size() == 2 && *tokens == 0) transpose(slice);
  const Places places = places_of(drawing, slice.length(slice.axes.size() - 1));
  std::vector<Panel> panels = panels_of(drawing, slice, places);
  if (panels.size() > kMostPatchPanels)
    throw UsageError(drawing.request.variable + ": " + std::to_string(panels.size()) +
                     " panels are too many for a figure (at most " +
                     std::to_string(kMostPatchPanels) + "); choose layers with --layers A:B");
  if (std::any_of(panels.begin(), panels.end(), [](const Panel& one) { return one.photo; }))
    drawing.notes.push_back("colours over the picture are mixed with it; the bar has them alone");
  else if (!drawing.request.photos.empty())
    drawing.notes.push_back("the picture is left out, as the archive does not have its size");
  begin(drawing, slice.fixed);
  PatchPainter(drawing, std::move(panels), places).paint();
}

}  // namespace lensbench::figure
