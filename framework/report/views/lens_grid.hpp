#pragma once

#include <string>
#include <vector>

#include "report/views/view.hpp"

namespace lensbench::terminal {

/// The lens at one kind of point: the variables whose names start with `prefix`.
struct LensPoint {
  std::string prefix;  ///< empty for `resid_post`, else `attn_out_`
  std::string axis;    ///< the dimension its layers lie on
  std::string name() const {
    return prefix.empty() ? "resid_post" : prefix.substr(0, prefix.size() - 1);
  }
};

std::vector<LensPoint> lens_points(const Dataset& dataset);

/// Number of each layer on a point's axis, as its coordinate says.
std::vector<std::int64_t> layer_numbers(const Dataset& dataset, const std::string& axis);

/// Which of `n` layers are drawn: all, or evenly spaced ones with the first and the last.
std::vector<std::int64_t> layers_to_draw(std::int64_t n);

/// Layers down, positions across, the first choice and its probability in each cell. Positions that
/// do not fit side by side follow in further blocks; of a long text, the last ones are drawn.
Lines lens_grid(const View& view, const LensPoint& point, const CaseRange& range);

}  // namespace lensbench::terminal
