#include <algorithm>

#include "report/views/generic_views.hpp"
#include "report/views/patch_layers.hpp"
#include "report/views/plane.hpp"

namespace lensbench::terminal {
namespace {

/// The rows of a map of patches: depth or steps if there is one, else the first further dimension;
/// empty if tokens are the only one.
std::string rows_of_patches(const Variable& variable) {
  auto axes = axes_of(variable);
  std::erase(axes, "image_token");
  for (const auto& dim : axes)
    if (dim == "layer" || dim == "block" || dim == "step") return dim;
  return axes.empty() ? "" : axes.front();
}

PatchLayers layers_of(const View& view, const Variable& variable, std::string* fixed) {
  const std::string rows = rows_of_patches(variable);
  // A range is needed for the axis `token` only.
  const CaseRange none;
  PatchLayers layers;
  if (rows.empty()) {
    layers.values = {plane_of(view, variable, "image_token", "", none).values};
    layers.titles = {""};
    return layers;
  }
  const Plane plane = plane_of(view, variable, rows, "image_token", none);
  for (std::size_t row = 0; row < plane.rows.labels.size(); ++row) {
    layers.titles.push_back(cat({view.text(rows), " ", plane.rows.labels[row]}));
    layers.values.push_back(plane.row(row));
  }
  *fixed = plane.fixed;
  return layers;
}

}  // namespace

bool is_map_of_patches(const Dataset& dataset, const Variable& variable) {
  return std::count(variable.dims.begin(), variable.dims.end(), "image_token") == 1 &&
         std::count(variable.dims.begin(), variable.dims.end(), "token") == 0 &&
         !patch_cases(dataset).empty();
}

Lines patches_view(const View& view, const Variable& variable) {
  std::string fixed;
  const PatchLayers layers = layers_of(view, variable, &fixed);
  const auto cases = patch_cases(view.dataset);
  Lines lines;
  head(lines, view, variable, "each square is a token of the picture");
  if (!fixed.empty()) say(lines, "At " + fixed + ".", view.style);
  for (std::size_t i = 0; i < cases_to_draw(cases.size()); ++i) {
    const auto chosen = layers_with_largest(layers, cases[i].range);
    const ShareScale scale = scale_of(layers, chosen, cases[i].range);
    const std::string heading = case_heading(view, cases[i].range, cases.size());
    if (i > 0) lines.emplace_back();
    if (!heading.empty()) say(lines, heading, view.style);
    append(lines, patch_panels(panels_of(layers, chosen, cases[i], scale), view.style));
    say_scale(lines, scale, view.style);
  }
  say_more_cases(lines, cases.size(), view.style);
  return lines;
}

}  // namespace lensbench::terminal
