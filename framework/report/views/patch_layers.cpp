#include "report/views/patch_layers.hpp"

#include <algorithm>
#include <limits>

namespace lensbench::terminal {
namespace {

/// Pictures of a case that are drawn; the archive has all.
constexpr std::size_t kMostGrids = 3;

double largest_in(const std::vector<double>& values, const CaseRange& range) {
  double largest = -INFINITY;
  for (std::int64_t token = range.begin; token < range.end; ++token) {
    const double value = values[static_cast<std::size_t>(token)];
    if (std::isfinite(value)) largest = std::max(largest, value);
  }
  return largest;
}

std::string panel_title(const std::string& layer, const PatchCase& one, const PatchGrid& grid) {
  if (one.grids.size() == 1) return layer;
  return cat({layer, layer.empty() ? "" : ", ", "picture ", std::to_string(grid.picture)});
}

}  // namespace

std::vector<std::size_t> layers_with_largest(const PatchLayers& layers, const CaseRange& range) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < layers.values.size(); ++i)
    if (largest_in(layers.values[i], range) > largest_in(layers.values[best], range)) best = i;
  std::vector<std::size_t> chosen{0};
  for (const std::size_t layer : {best, layers.values.size() - 1})
    if (layer != chosen.back()) chosen.push_back(layer);
  return chosen;
}

double ShareScale::share(double value) const {
  if (!std::isfinite(value)) return std::numeric_limits<double>::quiet_NaN();
  // Equal values have the colour of the lower end.
  return most > least ? (value - least) / (most - least) : 0;
}

ShareScale scale_of(const PatchLayers& layers, const std::vector<std::size_t>& chosen,
                    const CaseRange& range, ShareScale scale) {
  for (const std::size_t layer : chosen)
    for (std::int64_t token = range.begin; token < range.end; ++token) {
      const double value = layers.values[layer][static_cast<std::size_t>(token)];
      if (!std::isfinite(value)) continue;
      scale.least = std::min(scale.least, value);
      scale.most = std::max(scale.most, value);
    }
  return scale;
}

std::vector<PatchPanel> panels_of(const PatchLayers& layers, const std::vector<std::size_t>& chosen,
                                  const PatchCase& one, const ShareScale& scale) {
  const std::size_t grids = std::min(kMostGrids, one.grids.size());
  std::vector<PatchPanel> panels;
  panels.reserve(chosen.size() * grids);
  for (const std::size_t layer : chosen)
    for (std::size_t i = 0; i < grids; ++i) {
      const PatchGrid& grid = one.grids[i];
      PatchPanel panel{panel_title(layers.titles[layer], one, grid), &grid, {}};
      panel.shares.reserve(grid.token.size());
      for (const std::int64_t token : grid.token)
        panel.shares.push_back(
            token < 0 ? std::numeric_limits<double>::quiet_NaN()
                      : scale.share(layers.values[layer][static_cast<std::size_t>(token)]));
      panels.push_back(std::move(panel));
    }
  return panels;
}

void say_scale(Lines& lines, const ShareScale& scale, const TerminalStyle& style) {
  if (scale.least > scale.most) return say(lines, "All values are missing (NaN).", style);
  say(lines,
      cat({style.colour ? "Dark: " : "Little ink: ", number(scale.least),
           style.colour ? ", bright: " : ", much: ", number(scale.most), "."}),
      style);
}

}  // namespace lensbench::terminal
