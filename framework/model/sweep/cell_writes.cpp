#include "model/sweep/cell_writes.hpp"

#include <ATen/ops/equal.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <map>
#include <numeric>
#include <sstream>

#include "model/hooks/hook_names.hpp"

namespace lensbench {
namespace {

constexpr std::string_view kWho = "sweep_cells";

[[noreturn]] void refuse(std::string_view who, const std::string& fault) {
  throw UsageError(std::string(who) + ": " + fault);
}

/// Shape of the part of an activation that a write selects. Axes follow the activation.
std::vector<std::int64_t> selected_shape(const ResolvedWrite& write, const at::Tensor& activation) {
  std::vector<std::int64_t> shape = activation.sizes().vec();
  const auto set = [&](std::int64_t axis, std::size_t count) {
    shape[static_cast<std::size_t>(axis - 1)] = static_cast<std::int64_t>(count);
  };
  if (!write.whole_rows) set(write.point.position_axis, write.positions.size());
  if (!write.heads.empty()) set(write.point.head_axis, write.heads.size());
  return shape;
}

/// Index `i` of an axis of which the values may hold only one element for all.
at::Tensor element(const at::Tensor& values, std::int64_t axis, std::int64_t i) {
  return values.narrow(axis, values.size(axis) == 1 ? 0 : i, 1);
}

/// Calls `visit(part, values)` for each selected part that an activation holds, of equal rank.
template <class Visit>
void for_each_part(const ResolvedWrite& write, const at::Tensor& row, std::int64_t first,
                   const Visit& visit) {
  const std::int64_t axis = write.point.position_axis - 1, columns = row.size(axis);
  const std::int64_t head_axis = write.point.head_axis - 1;
  const auto heads = [&](const at::Tensor& part, const at::Tensor& values) {
    if (write.heads.empty()) return visit(part, values);
    for (std::size_t i = 0; i < write.heads.size(); ++i)
      visit(part.narrow(head_axis, write.heads[i], 1),
            element(values, head_axis, static_cast<std::int64_t>(i)));
  };
  if (write.whole_rows) {
    const bool one = write.values.size(axis) == 1;
    heads(row, one ? write.values : write.values.narrow(axis, first, columns));
    return;
  }
  for (std::size_t i = 0; i < write.positions.size(); ++i) {
    // A batch may begin at a later position; `first` is its first column in the sequence.
    const std::int64_t column = write.positions[i] - first;
    if (column >= 0 && column < columns)
      heads(row.narrow(axis, column, 1), element(write.values, axis, static_cast<std::int64_t>(i)));
  }
}

/// A batch may lack keys after the position of the metrics, which no query sees.
at::Tensor fitting(const at::Tensor& values, const at::Tensor& part) {
  return values.size(-1) > part.size(-1) && values.size(-1) > 1
             ? values.narrow(-1, 0, part.size(-1))
             : values;
}

/// Write with all indices checked and counted from the start.
ResolvedWrite resolved(const TransformerSpec& spec, std::int64_t length, const CellWrite& write,
                       const SweptPoint& point) {
  ResolvedWrite result;
  result.point = point;
  result.block = checked_indices(kWho, "block", {write.block}, spec.n_layers, false).front();
  result.whole_rows = write.positions.empty();
  result.positions = checked_indices(kWho, "position", write.positions, length, true);
  if (!write.heads.empty()) {
    if (point.head_axis < 0) refuse(kWho, "'" + point.name + "' lacks a head axis");
    result.heads = checked_indices(kWho, "head", write.heads, point.n_heads, false);
  }
  result.values = write.values;
  return result;
}

}  // namespace

namespace {

/// Name of a point in block 0, which full names have as a prefix, short ones such as `z` at their
/// end.
std::string in_first_block(const std::string& name) {
  std::string glob = name;
  if (glob.starts_with("hook_") || glob.find('.') != std::string::npos)
    glob = "blocks.0." + glob;
  else if (unabbreviated(glob))
    glob += "0";
  return glob;
}

}  // namespace

/// The point is looked up in block 0. In a mixture whose first blocks are dense, a forward refuses
/// a point that a later block lacks.
SweptPoint swept_point(const TransformerSpec& spec, std::string_view who, const std::string& name) {
  const auto points = match_hook_points(spec, in_first_block(name));
  if (points.size() != 1 || points.front().layer != 0)
    refuse(who, "'" + name + "' must name one hook point of a block, for instance hook_resid_pre");
  SweptPoint found;
  found.name = points.front().name.substr(std::string("blocks.0.").size());
  const auto& dims = points.front().dims;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) {
    const auto index = static_cast<std::int64_t>(axis);
    if (dims[axis] == "pos" || dims[axis] == "query_pos") found.position_axis = index;
    // Points of keys and values count key-value heads, which may be fewer.
    if (dims[axis] == "head") found.head_axis = index, found.n_heads = spec.attention.n_heads;
    if (dims[axis] == "kv_head")
      found.head_axis = index, found.n_heads = spec.attention.n_key_value_heads;
  }
  if (found.position_axis < 0) refuse(who, "'" + found.name + "' lacks a position axis");
  return found;
}

/// Indices counted from the start; an empty list means all. \throws UsageError for an index outside
std::vector<std::int64_t> checked_indices(std::string_view who, const char* what,
                                          std::vector<std::int64_t> given, std::int64_t size,
                                          bool from_end) {
  if (given.empty()) {
    given.resize(static_cast<std::size_t>(size));
    std::iota(given.begin(), given.end(), 0);
  }
  for (std::int64_t& index : given) {
    const std::int64_t real = from_end && index < 0 ? index + size : index;
    if (real < 0 || real >= size)
      refuse(who, std::string(what) + " " + std::to_string(index) + " does not exist; give 0 to " +
                      std::to_string(size - 1));
    index = real;
  }
  return given;
}

std::int64_t ResolvedWrite::first_position() const {
  return *std::min_element(positions.begin(), positions.end());
}

/// A cell starts at its earliest block and position: everything before is that of the base run.
std::vector<ResolvedCell> resolve_cells(const TransformerSpec& spec, std::int64_t length,
                                        const std::vector<SweepCell>& cells) {
  std::map<std::string, SweptPoint> points;
  std::vector<ResolvedCell> result;
  for (const SweepCell& cell : cells) {
    ResolvedCell next;
    next.index = static_cast<std::int64_t>(result.size());
    if (cell.writes.empty())
      refuse(kWho, "cell " + std::to_string(next.index) + " lacks writes; give each at least one");
    next.first_block = spec.n_layers;
    next.first_position = length;
    for (const CellWrite& write : cell.writes) {
      // The names of thousands of cells are few, so each is looked up once.
      SweptPoint& point = points[write.point];
      if (point.name.empty()) point = swept_point(spec, kWho, write.point);
      next.writes.push_back(resolved(spec, length, write, point));
      next.first_block = std::min(next.first_block, next.writes.back().block);
      next.first_position = std::min(next.first_position, next.writes.back().first_position());
    }
    // In a bidirectional model a change reaches earlier positions too.
    if (!spec.attention.causal) next.first_position = 0;
    result.push_back(std::move(next));
  }
  return result;
}

void check_values(const ResolvedWrite& write, const at::Tensor& activation) {
  const std::vector<std::int64_t> shape = selected_shape(write, activation);
  bool fits = write.values.defined() && write.values.dim() == activation.dim();
  for (std::int64_t axis = 0; fits && axis < activation.dim(); ++axis)
    fits = write.values.size(axis) == 1 ||
           write.values.size(axis) == shape[static_cast<std::size_t>(axis)];
  if (fits) return;
  std::ostringstream message;
  message << "values for '" << write.hook() << "' must be " << at::IntArrayRef(shape)
          << " (axes of length 1 are repeated), found ";
  if (write.values.defined())
    message << write.values.sizes();
  else
    message << "none";
  refuse(kWho, message.str());
}

/// Equality in every bit: such a cell has the metric of the base run without being run.
bool has_values(const ResolvedWrite& write, const at::Tensor& activation) {
  bool equal = true;
  for_each_part(write, activation, 0, [&](const at::Tensor& part, const at::Tensor& values) {
    equal = equal && at::equal(part, values.to(part.options()).expand_as(part));
  });
  return equal;
}

/// Writes into one row of the batch in place; the row belongs to this cell alone.
void write_values(const ResolvedWrite& write, const at::Tensor& row, std::int64_t first) {
  for_each_part(write, row, first, [](const at::Tensor& part, const at::Tensor& values) {
    part.copy_(fitting(values, part).expand_as(part));
  });
}

}  // namespace lensbench
