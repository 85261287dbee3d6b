#include <algorithm>
#include <lensbench/error.hpp>

#include "report/figure/map.hpp"
#include "report/terminal/text.hpp"

namespace lensbench::figure {
namespace {

constexpr std::size_t kMostPanels = 4;

/// Whether a short axis of texts (methods, kinds) comes before two others: each of its indices gets
/// a map.
bool has_panels(const Slice& slice) {
  if (slice.axes.size() < 3) return false;
  const Axis& first = slice.axes.front();
  return first.is_text && !first.is_token && first.size() <= kMostPanels;
}

/// Tokens across, as they are read.
void turn(Slice& slice) {
  if (slice.axes[0].is_token && !slice.axes[1].is_token) transpose(slice);
}

/// Name of the variable with the ids of the most probable tokens at the same hook point: `top_id`,
/// with the beginning that the drawn variable has too.
std::string ids_beside(const Drawing& drawing) {
  constexpr std::string_view kTopId = "top_id";
  const Variable& drawn = drawing.variable;
  std::vector<std::string> dims = dims_without_cases(drawn);
  std::erase(dims, "rank");
  dims.emplace_back("rank");
  std::string best;
  for (const Variable& variable : drawing.dataset.variables()) {
    if (variable.is_text() || !variable.name.ends_with(kTopId) || variable.dims != dims) continue;
    const std::string_view beginning =
        std::string_view(variable.name).substr(0, variable.name.size() - kTopId.size());
    if (drawn.name.starts_with(beginning) && variable.name.size() >= best.size())
      best = variable.name;
  }
  return best;
}

/// Texts of the most probable token of each cell, or of the rank that --at chooses; none if the ids
/// are not those of a map.
std::vector<std::string> top_tokens(const Drawing& drawing, const std::string& name) {
  Slice ids = slice_of(drawing, name);
  // With --at rank=N the slice is already that of one rank.
  if (const auto rank = ids.find("rank")) fix(ids, *rank, 0);
  if (ids.axes.size() != 2) return {};
  turn(ids);
  std::vector<std::string> texts;
  for (const double id : values_of(ids))
    // Negative: no token.
    texts.push_back(id >= 0 ? terminal::visible(drawing.token_text(static_cast<std::int64_t>(id)),
                                                terminal::Blanks::marked)
                            : "");
  return texts;
}

/// Layer from which on the first choice is the final one, for each token of the map.
std::vector<double> settled(const Drawing& drawing) {
  const std::string name = "settled_layer";
  if (!drawing.dataset.contains(name)) return {};
  const Variable& variable = drawing.dataset[name];
  if (variable.is_text() || variable.dims != std::vector<std::string>{"token"}) return {};
  return values_of(slice_of_labels(drawing, variable));
}

MapPanel panel_of(const Slice& slice, std::string title) {
  return {std::move(title), values_of(slice), {}};
}

/// Whether cells may show texts. A wide map does not, and to find those of all its cells would take
/// longer than to draw it.
bool may_show_texts(const Drawing& drawing, const Map& map) {
  const CellContent content = drawing.request.cells;
  return content == CellContent::text ||
         (content == CellContent::automatic && map.columns.size() <= kMostTextColumns);
}

/// Adds what only a lens has: texts of the cells, and the line where the answer settles.
void add_lens(Drawing& drawing, Map& map) {
  if (drawing.request.against != nullptr || map.panels.size() != 1) return;
  const std::string ids = ids_beside(drawing);
  if (ids.empty()) return;
  if (may_show_texts(drawing, map)) {
    auto texts = top_tokens(drawing, ids);
    // A map of tokens and ranks has cells of its own.
    if (texts.size() == map.panels.front().values.size())
      map.panels.front().texts = std::move(texts);
  }
  if (ids == "top_id" && map.rows.dim == "layer" && map.columns.dim == "token")
    map.panels.front().contour = settled(drawing);
}

/// Number of heads in a row, all rows full if possible.
std::size_t panels_across(double width_mm, std::size_t n) {
  constexpr double kLabels = 60, kLeastPanel = 55;
  const double room = (width_mm * kPointsPerMm - kLabels) / kLeastPanel;
  std::size_t across = std::clamp<std::size_t>(static_cast<std::size_t>(std::max(room, 1.0)), 1, n);
  for (std::size_t fewer = across; 2 * fewer > across; --fewer)
    if (n % fewer == 0) return fewer;
  return across;
}

}  // namespace

void draw_heatmap(Drawing& drawing) {
  Slice slice = drawn_slice(drawing);
  if (const auto rank = slice.find("rank"); rank && slice.axes.size() > 2) fix(slice, *rank, 0);
  if (const auto cases = slice.find("case_number"); cases && slice.axes.size() > 2)
    fix(slice, *cases, 0);
  if (const auto cases = slice.find("case"); cases && slice.axes.size() > 2) fix(slice, *cases, 0);
  Map map;
  const bool panels = has_panels(slice);
  // The first dimensions are those that the tool wants to be compared, as in the terminal.
  fix_down_to(slice, panels ? 3 : 2);
  if (panels) {
    const Axis axis = slice.axes.front();
    for (std::size_t i = 0; i < axis.size(); ++i) {
      Slice part = slice;
      fix(part, 0, i);
      turn(part);
      map.panels.push_back(panel_of(part, axis.labels[i]));
      map.rows = part.axes[0];
      map.columns = part.axes[1];
    }
    begin(drawing, slice.fixed);
  } else {
    if (slice.axes.size() < 2)
      throw UsageError(drawing.request.variable +
                       ": a heatmap needs two dimensions; the variable "
                       "has " +
                       std::to_string(slice.axes.size()));
    turn(slice);
    map.rows = slice.axes[0];
    map.columns = slice.axes[1];
    map.panels.push_back(panel_of(slice, ""));
    begin(drawing, slice.fixed);
    add_lens(drawing, map);
  }
  // The stream flows up through the layers; other rows are read from the top.
  map.upward = is_layer(map.rows.dim);
  draw_map(drawing, map);
}

void draw_attention(Drawing& drawing) {
  constexpr std::size_t kMostHeads = 64;
  Slice slice = drawn_slice(drawing);
  while (slice.axes.size() > 2 && numbers_cases(slice.axes.front().dim)) fix(slice, 0, 0);
  const std::size_t n = slice.axes.size();
  if (n < 2)
    throw UsageError(drawing.request.variable +
                     ": attention needs a dimension of queries and one "
                     "of keys");
  Map map;
  map.rows = slice.axes[n - 2];
  map.columns = slice.axes[n - 1];
  map.square = map.rows.size() == map.columns.size();
  // Without --layers only the heads of the first block are drawn.
  if (n > 3 && !drawing.request.layers) fix(slice, 0, 0);
  while (slice.axes.size() > 4) fix(slice, 0, 0);
  std::vector<Slice> parts{slice};
  // Each remaining dimension before the last two multiplies the panels; their labels become titles.
  while (parts.front().axes.size() > 2) {
    std::vector<Slice> finer;
    for (const Slice& part : parts)
      for (std::size_t i = 0; i < part.length(0); ++i) {
        finer.push_back(part);
        fix(finer.back(), 0, i);
      }
    parts = std::move(finer);
  }
  if (parts.size() > kMostHeads)
    throw UsageError(drawing.request.variable + ": " + std::to_string(parts.size()) +
                     " heads are too many for a figure (at most " + std::to_string(kMostHeads) +
                     "); choose blocks with --layers A:B");
  for (const Slice& part : parts) {
    std::string title = part.fixed.substr(slice.fixed.size());
    if (title.starts_with(", ")) title.erase(0, 2);
    map.panels.push_back(panel_of(part, title));
  }
  map.panels_across = panels_across(drawing.request.width_mm, parts.size());
  map.triangle =
      map.square && std::all_of(map.panels.begin(), map.panels.end(), [&](const auto& p) {
        for (std::size_t row = 0; row < map.rows.size(); ++row)
          for (std::size_t column = row + 1; column < map.columns.size(); ++column)
            if (p.values[row * map.columns.size() + column] != 0) return false;
        return true;
      });
  begin(drawing, slice.fixed);
  draw_map(drawing, map);
}

}  // namespace lensbench::figure
