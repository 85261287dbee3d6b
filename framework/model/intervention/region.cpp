#include "model/intervention/region.hpp"

#include <ATen/TensorIndexing.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <numeric>
#include <optional>

#include "model/hooks/hook_points.hpp"

namespace lensbench {
namespace {

using Indices = std::vector<std::int64_t>;

/// End of a range that has none; positions can be subtracted from it.
constexpr std::int64_t kNoEnd = std::int64_t{1} << 62;

/// Indices 0 to size - 1.
Indices all_of(std::int64_t size) {
  Indices indices(static_cast<std::size_t>(size));
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

std::int64_t padding_of(const SequencePlace& place, std::int64_t row) {
  return place.padding.empty() ? 0 : place.padding[static_cast<std::size_t>(row)];
}

[[noreturn]] void refuse_position(const HookPoint& point, std::int64_t position,
                                  std::int64_t length) {
  throw UsageError("intervention at '" + point.name + "': position " + std::to_string(position) +
                   " is outside this sequence of " + std::to_string(length) +
                   " tokens; give 0 to " + std::to_string(length - 1) + ", or -1 for the last one");
}

/// Index of a position on an axis whose first column is `first`; nullopt if the position belongs to
/// another forward of a growing sequence.
std::optional<std::int64_t> column_of(const HookPoint& point, std::int64_t position,
                                      std::int64_t padding, std::int64_t first,
                                      std::int64_t columns) {
  const SequencePlace& place = place_of(point);
  // Negative positions count from the end of the prompt, not of the text generated so far.
  const std::int64_t prompt = place.prompt_columns - padding;
  const std::int64_t real = position < 0 ? position + prompt : position;
  if (real < 0) refuse_position(point, position, prompt);
  const std::int64_t column = real + padding - first;
  if (column >= 0 && column < columns) return column;
  if (!place.grows) refuse_position(point, position, first + columns - padding);
  return std::nullopt;
}

/// Columns of this forward among the positions of a site; all if the site names none.
Indices columns_of(const HookPoint& point, const Indices& positions, std::int64_t padding,
                   std::int64_t first, std::int64_t columns) {
  if (positions.empty()) return all_of(columns);
  Indices found;
  for (const std::int64_t position : positions)
    if (const auto column = column_of(point, position, padding, first, columns))
      found.push_back(*column);
  return found;
}

[[noreturn]] void refuse_range(const InterventionSite& site, const HookPoint& point,
                               std::int64_t length) {
  if (site.where == SequencePart::generated && !site.from && !site.until)
    throw UsageError("intervention at '" + point.name +
                     "': where is generated, but this forward runs a prompt alone; use it where "
                     "the model generates, or give where prompt");
  const auto bound = [](const char* name, const std::optional<std::int64_t>& value) {
    return value ? std::string(" ") + name + " " + std::to_string(*value) : std::string();
  };
  throw UsageError("intervention at '" + point.name + "': the range" + bound("from", site.from) +
                   bound("until", site.until) +
                   (site.where == SequencePart::prompt      ? " of the prompt"
                    : site.where == SequencePart::generated ? " of generated tokens"
                                                            : "") +
                   " has no position of this sequence of " + std::to_string(length) +
                   " tokens; give from below until, and from at most " +
                   std::to_string(length - 1));
}

/// Columns of the range of a site. \throws UsageError for a range that selects nothing in a whole
/// sequence, or never can in one that grows
Indices range_columns(const InterventionSite& site, const HookPoint& point, std::int64_t padding,
                      std::int64_t columns) {
  const SequencePlace& place = place_of(point);
  const std::int64_t prompt = place.prompt_columns - padding;
  const auto counted = [&](std::int64_t position) {
    const std::int64_t real = position < 0 ? position + prompt : position;
    if (real < 0) refuse_position(point, position, prompt);
    return real;
  };
  std::int64_t begin = site.from ? counted(*site.from) : 0;
  std::int64_t end = site.until ? counted(*site.until) : kNoEnd;
  if (site.where == SequencePart::prompt) end = std::min(end, prompt);
  if (site.where == SequencePart::generated) begin = std::max(begin, prompt);
  if (begin >= end || (!place.grows && begin >= prompt)) refuse_range(site, point, prompt);
  const std::int64_t first = place.first_column - padding;  // position of the first column
  Indices found;
  for (std::int64_t column = std::max<std::int64_t>(0, begin - first);
       column < std::min(columns, end - first); ++column)
    found.push_back(column);
  return found;
}

at::Tensor index_tensor(const Indices& indices, at::Device device) {
  return at::tensor(indices, at::kLong).to(device);
}

/// True if every axis has a selected index.
bool selects_something(const Region& region) {
  for (std::int64_t axis = 1; axis < region.rows.dim(); ++axis)
    if (region.of_axis(axis).empty()) return false;
  return true;
}

/// Selects parts of pictures. \return false if the region has none of them
bool select_parts(const InterventionSite& site, const SiteAxes& axes, Region& region) {
  const HookPoint& point = *region.point;
  const auto take = [&](std::int64_t axis, const Indices& positions, bool of_keys) {
    InterventionSite chosen = site;
    // A range is one of queries.
    if (of_keys) chosen.from = chosen.until = std::nullopt;
    region.indices[static_cast<std::size_t>(axis)] =
        indices_of_parts(chosen, positions, point, region.first_part, region.rows.size(axis));
  };
  if (axes.key >= 0) take(axes.key, site.keys, true);
  if (axes.position >= 0) {
    take(axes.position, site.positions, false);
    for (const std::int64_t index : region.of_axis(axes.position))
      region.positions.push_back(
          place_of(point).parts[static_cast<std::size_t>(region.first_part + index)].number);
  }
  return selects_something(region);
}

/// Computes the selection of a region. \return false if it is empty
bool select(const InterventionSite& site, const SiteAxes& axes, Region& region) {
  const HookPoint& point = *region.point;
  const SequencePlace& place = place_of(point);
  const auto take = [&](std::int64_t axis, Indices indices) {
    region.indices[static_cast<std::size_t>(axis)] = std::move(indices);
  };
  const auto size = [&](std::int64_t axis) { return region.rows.size(axis); };
  // Every axis is taken whole unless the site restricts it.
  for (std::int64_t axis = 1; axis < region.rows.dim(); ++axis) take(axis, all_of(size(axis)));
  const auto take_listed = [&](const char* name, std::int64_t axis, const Indices& indices) {
    if (indices.empty()) return;
    check_indices(point.name, name, indices, size(axis));
    take(axis, indices);
  };
  take_listed("head", axes.head, site.heads);
  take_listed("neuron", axes.neuron, site.neurons);
  if (!place.parts.empty()) return select_parts(site, axes, region);
  // Keys are all positions so far, queries only those of this forward.
  if (axes.key >= 0)
    take(axes.key, columns_of(point, site.keys, region.padding, 0, size(axes.key)));
  if (axes.position >= 0) {
    take(axes.position, selects_range(site)
                            ? range_columns(site, point, region.padding, size(axes.position))
                            : columns_of(point, site.positions, region.padding, place.first_column,
                                         size(axes.position)));
    for (const std::int64_t column : region.of_axis(axes.position))
      region.positions.push_back(column + place.first_column - region.padding);
  }
  // In a growing sequence most steps hold none of the positions.
  return selects_something(region);
}

/// True if the site takes the rows whole, so that nothing has to be put back.
bool is_whole(const Region& region) {
  for (std::int64_t axis = 1; axis < region.rows.dim(); ++axis)
    if (!takes_all(region.of_axis(axis), region.rows.size(axis))) return false;
  return true;
}

/// Rows of the region with its selected part replaced by `values`.
at::Tensor put_back(const Region& region, const at::Tensor& values) {
  const std::int64_t axes = region.rows.dim();
  std::vector<at::indexing::TensorIndex> index;
  for (std::int64_t axis = 0; axis < axes; ++axis) {
    // One index tensor per axis, shaped to broadcast against the others: together they select the
    // product of the index lists.
    const Indices indices = axis == 0 ? all_of(region.rows.size(0)) : region.of_axis(axis);
    std::vector<std::int64_t> shape(static_cast<std::size_t>(axes), 1);
    shape[static_cast<std::size_t>(axis)] = static_cast<std::int64_t>(indices.size());
    index.emplace_back(index_tensor(indices, region.rows.device()).view(shape));
  }
  at::Tensor rows = region.rows.clone();
  rows.index_put_(index, values);
  return rows;
}

/// Selected part of the rows; axes that are taken whole stay views.
at::Tensor selected(const Region& region) {
  at::Tensor values = region.rows;
  for (std::int64_t axis = 1; axis < region.rows.dim(); ++axis)
    if (!takes_all(region.of_axis(axis), region.rows.size(axis)))
      values = values.index_select(axis, index_tensor(region.of_axis(axis), values.device()));
  return values;
}

/// Parts of pictures of one row of the batch, as a batch of one.
at::Tensor rows_in(const at::Tensor& activation, bool pairs, std::int64_t begin,
                   std::int64_t count) {
  return (pairs ? activation : activation.narrow(0, begin, count)).unsqueeze(0);
}

/// Applies a change to a region. \return the changed rows; undefined if nothing is selected
at::Tensor changed_rows(const InterventionSite& site, const SiteAxes& axes, Region region,
                        const RegionChange& change) {
  if (!select(site, axes, region)) return {};
  region.values = selected(region);
  const at::Tensor values = change(region).to(region.rows.scalar_type());
  return is_whole(region) ? values : put_back(region, values);
}

/// `changed` for an activation of a vision tower: each row of the batch is a region of its own. All
/// parts of one are neighbours, since no window and no frame has parts of two pictures.
at::Tensor changed_parts(const InterventionSite& site, const SiteAxes& axes,
                         const at::Tensor& activation, const HookPoint& point,
                         const RegionChange& change) {
  const SequencePlace& place = place_of(point);
  const auto& counts = place.parts_of_sequence;
  const auto without = std::find(counts.begin(), counts.end(), 0);
  if (without != counts.end())
    throw UsageError("intervention at '" + point.name + "': row " +
                     std::to_string(without - counts.begin()) +
                     " of the batch does not have pictures; run it apart from the others");
  // Scores and patterns have all parts of a segment on two axes.
  const bool pairs = axes.key >= 0;
  at::Tensor result = activation;
  const auto count = static_cast<std::int64_t>(place.parts.size());
  for (std::int64_t begin = 0, end = 0; begin < count; begin = end) {
    const std::int64_t sequence = place.parts[static_cast<std::size_t>(begin)].sequence;
    while (end < count && place.parts[static_cast<std::size_t>(end)].sequence == sequence) ++end;
    Region region;
    region.point = &point;
    region.first_row = sequence;
    region.first_part = begin;
    region.rows = rows_in(activation, pairs, begin, end - begin);
    const at::Tensor rows = changed_rows(site, axes, std::move(region), change);
    if (!rows.defined()) continue;
    if (end - begin == count) return rows.squeeze(0);
    if (result.is_same(activation)) result = activation.clone();
    result.narrow(0, begin, end - begin).copy_(rows.squeeze(0));
  }
  return result.is_same(activation) ? at::Tensor() : result;
}

}  // namespace

std::int64_t batch_rows(const Region& region) {
  const SequencePlace& place = place_of(*region.point);
  if (!place.parts.empty()) return static_cast<std::int64_t>(place.parts_of_sequence.size());
  return place.padding.empty() ? region.rows.size(0)
                               : static_cast<std::int64_t>(place.padding.size());
}

at::Tensor rows_in(const Region& region, const at::Tensor& activation) {
  if (place_of(*region.point).parts.empty())
    return activation.narrow(0, region.first_row, region.rows.size(0));
  const SiteAxes axes = axes_of(*region.point);
  return rows_in(activation, axes.key >= 0, region.first_part, region.rows.size(axes.position));
}

bool selects_range(const InterventionSite& site) {
  return site.from || site.until || site.where != SequencePart::all;
}

bool takes_all(const std::vector<std::int64_t>& indices, std::int64_t size) {
  if (static_cast<std::int64_t>(indices.size()) != size) return false;
  for (std::int64_t i = 0; i < size; ++i)
    if (indices[static_cast<std::size_t>(i)] != i) return false;
  return true;
}

SiteAxes axes_of(const HookPoint& point) {
  SiteAxes axes;
  const std::int64_t first = is_of_tower(point.name) ? 1 : 0;
  const auto count = static_cast<std::int64_t>(point.dims.size());
  for (std::int64_t axis = first; axis < first + count; ++axis) {
    const std::string& dim = dim_at(point, axis);
    // A query is the position of a pattern or of scores.
    if (dim == "pos" || dim == "query_pos") axes.position = axis;
    if (dim == "patch" || dim == "query_patch" || dim == "image_token") axes.position = axis;
    if (dim == "head" || dim == "kv_head" || dim == "vision_head") axes.head = axis;
    if (dim == "key_pos" || dim == "key_patch") axes.key = axis;
  }
  if (axes.key < 0) axes.neuron = first + count - 1;
  return axes;
}

const std::string& dim_at(const HookPoint& point, std::int64_t axis) {
  return point.dims[static_cast<std::size_t>(axis - (is_of_tower(point.name) ? 1 : 0))];
}

void check_indices(const std::string& hook, const char* axis, const Indices& indices,
                   std::int64_t size) {
  for (const std::int64_t index : indices)
    if (index < 0 || index >= size)
      throw UsageError("intervention at '" + hook + "': " + axis + " " + std::to_string(index) +
                       " does not exist; give 0 to " + std::to_string(size - 1));
}

at::Tensor changed(const InterventionSite& site, const at::Tensor& activation,
                   const HookPoint& point, const RegionChange& change) {
  const SiteAxes axes = axes_of(point);
  if (!place_of(point).parts.empty()) return changed_parts(site, axes, activation, point, change);
  // Without padding all rows have the same columns and are changed at once.
  const bool padded = axes.position >= 0 && !place_of(point).padding.empty();
  const std::int64_t step = padded ? 1 : activation.size(0);
  at::Tensor result = activation;
  for (std::int64_t row = 0; row < activation.size(0); row += step) {
    Region region;
    region.point = &point;
    region.rows = activation.narrow(0, row, step);
    region.first_row = row;
    region.padding = padded ? padding_of(place_of(point), row) : 0;
    const at::Tensor rows = changed_rows(site, axes, std::move(region), change);
    if (!rows.defined()) continue;
    // The new rows are the whole activation.
    if (step == activation.size(0)) return rows;
    // The activation itself belongs to the forward and is never written to.
    if (result.is_same(activation)) result = activation.clone();
    result.narrow(0, row, step).copy_(rows);
  }
  return result.is_same(activation) ? at::Tensor() : result;
}

}  // namespace lensbench
