#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/hooks.hpp>
#include <lensbench/intervention.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// Axes of a hook point on which a site can select; -1: the point lacks that axis.
struct SiteAxes {
  std::int64_t position = -1, head = -1, key = -1, neuron = -1;
};
SiteAxes axes_of(const HookPoint& point);

/// Rows of an activation with the same selected columns, and the selected part of them.
struct Region {
  const HookPoint* point = nullptr;
  at::Tensor rows;    ///< complete rows, batch first
  at::Tensor values;  ///< selected part of `rows`
  std::int64_t first_row = 0;
  std::vector<std::int64_t> indices[8];  ///< selected indices of each axis
  std::vector<std::int64_t> positions;   ///< position in the sequence of each selected column
  std::int64_t padding = 0;              ///< padding columns at the left of these rows

  const std::vector<std::int64_t>& of_axis(std::int64_t axis) const {
    return indices[static_cast<std::size_t>(axis)];
  }
};

/// Whether a site selects positions by `from`, `until` or `where`.
bool selects_range(const InterventionSite& site);

/// True if `indices` are all `size` indices of an axis, in order.
bool takes_all(const std::vector<std::int64_t>& indices, std::int64_t size);

/// Function that returns new values of a region, of the same shape.
using RegionChange = std::function<at::Tensor(const Region&)>;

/// Activation with a change applied to the part that the site selects, in groups of rows with equal
/// padding. Undefined if this forward has none of the site's positions.
/// \throws UsageError for an index or position out of range
at::Tensor changed(const InterventionSite& site, const at::Tensor& activation,
                   const HookPoint& point, const RegionChange& change);

/// Checks indices of an axis. \throws UsageError that names axis and range
void check_indices(const std::string& hook, const char* axis,
                   const std::vector<std::int64_t>& indices, std::int64_t size);

}  // namespace lensbench
