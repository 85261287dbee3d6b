#pragma once

#include <string>
#include <vector>

#include "report/views/view.hpp"

namespace lensbench::terminal {

/// Logit lens at one kind of hook point: the variables whose names start with `prefix`.
struct LensPoint {
  std::string prefix;  ///< empty for `resid_post`, else `attn_out_`
  std::string axis;    ///< dimension of its layers
  std::string name() const {
    return prefix.empty() ? "resid_post" : prefix.substr(0, prefix.size() - 1);
  }
};

std::vector<LensPoint> lens_points(const Dataset& dataset);

/// Numbers of the layers on the axis of a point, from its coordinate.
std::vector<std::int64_t> layer_numbers(const Dataset& dataset, const std::string& axis);

/// Indices of the layers to show: all of `n` layers, or evenly spaced ones including the first and
/// the last.
std::vector<std::int64_t> layers_to_draw(std::int64_t n);

/// Grid of layers (rows) and positions (columns) with the first choice and its probability in each
/// cell. Positions that do not fit into a line follow in further blocks; of a long text, the last
/// positions are shown.
Lines lens_grid(const View& view, const LensPoint& point, const CaseRange& range);

}  // namespace lensbench::terminal
