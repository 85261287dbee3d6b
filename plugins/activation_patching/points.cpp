#include "points.hpp"

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <lensbench/hooks.hpp>

namespace lensbench::patching {
namespace {

/// Points with one vector for each position, and points with one for each head.
constexpr std::array kStreamPoints = {"resid_pre", "resid_mid", "attn_out", "mlp_out"};
constexpr std::array kHeadPoints = {"z", "q", "k", "v", "pattern"};

template <class Names>
bool has(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// \param by_head  true to replace one head at a time, which needs a point with heads
GridPoint point_of(const TransformerSpec& spec, const std::string& name, bool by_head) {
  const bool of_heads = has(kHeadPoints, name);
  if (!of_heads && !has(kStreamPoints, name))
    throw UsageError("activation_patching: unknown point '" + name +
                     "'; give resid_pre, resid_mid, attn_out, mlp_out, z, q, k, v or pattern");
  if (by_head && !of_heads)
    throw UsageError("activation_patching: '" + name +
                     "' lacks a head axis; give z, q, k, v or pattern in head_points, or '" + name +
                     "' in points");
  GridPoint point{name, by_head, 0};
  match_hook_points(spec, "blocks.0." + point.hook());  // says why a family lacks a point
  if (!of_heads) return point;
  // Grouped models have fewer keys and values than queries.
  const bool of_keys = name == "k" || name == "v";
  point.n_heads = of_keys ? spec.attention.n_key_value_heads : spec.attention.n_heads;
  if (point.n_heads != spec.attention.n_heads) point.head_axis = "kv_head";
  return point;
}

}  // namespace

std::string GridPoint::hook() const {
  return (has(kHeadPoints, name) ? "attn.hook_" : "hook_") + name;
}

/// Grids to sweep: whole points first, then the points swept head by head.
std::vector<GridPoint> grid_points(const TransformerSpec& spec,
                                   const std::vector<std::string>& points,
                                   const std::vector<std::string>& head_points) {
  std::vector<GridPoint> grid;
  for (const std::string& name : points) grid.push_back(point_of(spec, name, false));
  for (const std::string& name : head_points) grid.push_back(point_of(spec, name, true));
  if (grid.empty())
    throw UsageError(
        "activation_patching: points and head_points are both empty; give at least one");
  return grid;
}

}  // namespace lensbench::patching
