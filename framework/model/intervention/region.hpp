#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <lensbench/hooks.hpp>
#include <lensbench/intervention.hpp>
#include <string>
#include <vector>

#include "model/hooks/sequence_place.hpp"

namespace lensbench {

/// Axes of a hook point on which a site can select; -1: the point lacks that axis. Activations of a
/// vision tower, which are those of all pictures of a batch, count as one row of a batch.
struct SiteAxes {
  std::int64_t position = -1, head = -1, key = -1, neuron = -1;
};
SiteAxes axes_of(const HookPoint& point);
/// Name of an axis that `axes_of` counts.
const std::string& dim_at(const HookPoint& point, std::int64_t axis);

/// Rows of an activation with the same selected columns, and the selected part of them.
struct Region {
  const HookPoint* point = nullptr;
  at::Tensor rows;              ///< complete rows, batch first
  at::Tensor values;            ///< selected part of `rows`
  std::int64_t first_row = 0;   ///< first row in the batch
  std::int64_t first_part = 0;  ///< index of the first part of a picture, in a vision tower
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

/// Number of rows of the batch of an activation.
std::int64_t batch_rows(const Region& region);

/// Rows of a region in an activation of the whole batch.
at::Tensor rows_in(const Region& region, const at::Tensor& activation);

/// Indices of `site.positions` and ranges among parts of pictures, which count in the order of
/// `PictureRows::rows`; all parts in that order if the site names none.
/// \param first, count  range of the parts of one row of the batch in an activation
/// \throws UsageError for a position that the row of the batch lacks
std::vector<std::int64_t> indices_of_parts(const InterventionSite& site,
                                           const std::vector<std::int64_t>& positions,
                                           const HookPoint& point, std::int64_t first,
                                           std::int64_t count);

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
