#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/hooks.hpp>
#include <lensbench/intervention.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Axes of a hook point that a site selects on; -1 where there is none.
struct SiteAxes {
  std::int64_t position = -1, head = -1, key = -1, neuron = -1;
};
SiteAxes axes_of(const HookPoint& point);

/// Some rows of an activation whose selected columns are the same, and what is selected of them.
struct Region {
  const HookPoint* point = nullptr;
  at::Tensor rows;    ///< the whole rows, batch first
  at::Tensor values;  ///< the selected part of them
  std::int64_t first_row = 0;
  std::vector<std::int64_t> indices[8];  ///< selected indices of each axis
  std::vector<std::int64_t> positions;   ///< in the sequence, of each selected column
  std::int64_t padding = 0;              ///< columns of padding at the left of these rows

  const std::vector<std::int64_t>& of_axis(std::int64_t axis) const {
    return indices[static_cast<std::size_t>(axis)];
  }
};

/// Whether these are all `size` indices of an axis, in order.
bool takes_all(const std::vector<std::int64_t>& indices, std::int64_t size);

/// New values of a region, same shape.
using RegionChange = std::function<at::Tensor(const Region&)>;

/// The activation with the site's part of it changed, by rows of equal padding. Undefined if none
/// of the site's positions is in this forward.
/// \throws UsageError for an index or position out of range
at::Tensor changed(const InterventionSite& site, const at::Tensor& activation,
                   const HookPoint& point, const RegionChange& change);

/// \throws UsageError naming axis and range
void check_indices(const std::string& hook, const char* axis,
                   const std::vector<std::int64_t>& indices, std::int64_t size);

}  // namespace lensbench
