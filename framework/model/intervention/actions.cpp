#include "model/intervention/actions.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <numbers>

#include "core/files/sha256.hpp"
#include "model/forward/linear.hpp"

namespace lensbench {
namespace {

[[noreturn]] void refuse(const Region& region, const std::string& fault) {
  throw UsageError("intervention at '" + region.point->name + "': " + fault);
}

std::string shape_text(at::IntArrayRef shape) {
  std::string text;
  for (const std::int64_t size : shape) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

/// Actions compute in float32 and are rounded once when they are written back.
at::Tensor wide(const at::Tensor& x) {
  return x.to(accumulation_type(x.scalar_type()));
}

/// Value of an action, expanded to the shape of the region.
at::Tensor fitted(const Region& region, const at::Tensor& value) {
  const at::IntArrayRef shape = region.values.sizes();
  if (!value.defined()) refuse(region, "the action lacks its value");
  // The batch axis is never given: a value has at most the other axes, aligned at the last one.
  bool fits = value.dim() < region.values.dim();
  for (std::int64_t i = 1; fits && i <= value.dim(); ++i)
    fits =
        value.size(-i) == 1 || value.size(-i) == shape[shape.size() - static_cast<std::size_t>(i)];
  if (!fits)
    refuse(region, "the value has shape " + shape_text(value.sizes()) + ", the selection " +
                       shape_text(shape.slice(1)) +
                       "; give one number, or numbers for the last axes of the selection");
  return value.to(wide(region.values).options()).expand(shape);
}

/// Part of `source` that a region selects, with the indices `columns` on the axis `position`.
/// \param source  same axes as the activation; a batch of one, or of the region's rows
at::Tensor part_of(const Region& region, at::Tensor source, std::int64_t position,
                   const std::vector<std::int64_t>& columns) {
  for (std::int64_t axis = 1; axis < region.rows.dim(); ++axis) {
    const auto& indices = axis == position ? columns : region.of_axis(axis);
    if (takes_all(indices, source.size(axis))) continue;
    source = source.index_select(axis, at::tensor(indices, at::kLong).to(source.device()));
  }
  return wide(source).expand(region.values.sizes());
}

/// One call for each kind of action, on the values that the site selected from one group of rows.
struct Act {
  const ActionSources& sources;
  const Region& region;

  at::Tensor operator()(const SetValue& action) const { return fitted(region, action.value); }
  at::Tensor operator()(const AddValue& action) const {
    return wide(region.values).add(fitted(region, action.value).mul(action.coefficient));
  }
  at::Tensor operator()(const ScaleBy& action) const {
    return wide(region.values).mul(action.factor);
  }
  at::Tensor operator()(const SetZero&) const { return at::zeros_like(region.values); }

  at::Tensor operator()(const SetMean& action) const {
    const SiteAxes axes = axes_of(*region.point);
    if (!action.of.empty()) {
      at::Tensor mean = sources.means.at(region.point->name).unsqueeze(0);
      mean = mean.unsqueeze(axes.position);
      return part_of(region, mean, axes.position, {0});
    }
    // The mean of a sequence that is still growing would change with each step.
    const SequencePlace& place = place_of(*region.point);
    if (place.grows || place.first_column > 0)
      refuse(region,
             "the mean over the sequence's own positions needs the whole sequence in one forward; "
             "give the cases to average in 'of'");
    // Padded positions are left out of the mean.
    const at::Tensor real = region.rows.narrow(axes.position, region.padding,
                                               region.rows.size(axes.position) - region.padding);
    return part_of(region, wide(real).mean(axes.position, true), axes.position, {0});
  }

  at::Tensor operator()(const Resample& action) const {
    const SiteAxes axes = axes_of(*region.point);
    const at::Tensor& other = sources.others.at(region.point->name);
    // Keys of another sequence have no counterpart here if the lengths differ.
    if (axes.key >= 0 && other.size(axes.key) != region.rows.size(axes.key))
      refuse(region, "the other case has " + std::to_string(other.size(axes.key)) +
                         " positions, this sequence " + std::to_string(region.rows.size(axes.key)) +
                         "; patterns and scores need equal lengths");
    std::vector<std::int64_t> columns =
        action.positions.empty() ? region.positions : action.positions;
    if (columns.size() != region.positions.size())
      refuse(region, "from_positions has " + std::to_string(columns.size()) +
                         " positions, the site " + std::to_string(region.positions.size()) +
                         "; give one for each");
    for (std::int64_t& column : columns) {
      if (column >= other.size(axes.position))
        refuse(region, "the other case has " + std::to_string(other.size(axes.position)) +
                           " tokens, so its position " + std::to_string(column) +
                           " does not exist; give the positions of the site");
      column = std::max<std::int64_t>(column, 0);  // a padded position, whose value is never read
    }
    return part_of(region, other, axes.position, columns);
  }

  at::Tensor operator()(const AddNoise& action) const {
    return wide(region.values).add(noise(action).to(region.values.device()));
  }

  at::Tensor operator()(const Freeze&) const {
    const at::Tensor& whole = sources.frozen.at(activation_name(*region.point));
    return part_of(region, rows_in(region, whole), -1, {});
  }

  at::Tensor operator()(const ProjectOut& action) const {
    // x - (x·u) u for the unit vector u.
    const at::Tensor x = wide(region.values), unit = unit_of(action.direction);
    return x.sub(x.mul(unit).sum(-1, true).mul(unit));
  }
  at::Tensor operator()(const SetAlong& action) const {
    if (!std::isfinite(action.component)) refuse(region, "the component must be finite");
    const at::Tensor x = wide(region.values), unit = unit_of(action.direction);
    return x.add(x.mul(unit).sum(-1, true).neg().add(action.component).mul(unit));
  }

 private:
  at::Tensor unit_of(const at::Tensor& direction) const {
    const std::int64_t size = region.values.size(-1);
    if (!direction.defined() || direction.dim() != 1 || direction.size(0) != size)
      refuse(region, "the direction must be a list of " + std::to_string(size) + " numbers");
    const at::Tensor values = direction.to(wide(region.values).options());
    const double norm = values.norm().item<double>();
    if (!(norm > 0) || std::isinf(norm))
      refuse(region, "the direction must be finite and not zero");
    return values.div(norm);
  }

  at::Tensor noise(const AddNoise& action) const {
    if (action.seeds.empty()) return noise(action.standard_deviation, action.seed);
    const auto rows = static_cast<std::size_t>(batch_rows(region));
    if (action.seeds.size() != rows)
      refuse(region, "the noise has " + std::to_string(action.seeds.size()) +
                         " seeds, but the batch " + std::to_string(rows) +
                         " rows; give one seed for each row, or a single seed");
    std::vector<at::Tensor> noises;
    noises.reserve(static_cast<std::size_t>(region.rows.size(0)));
    for (std::int64_t row = 0; row < region.rows.size(0); ++row)
      noises.push_back(noise(action.standard_deviation,
                             action.seeds[static_cast<std::size_t>(region.first_row + row)]));
    return at::stack(noises);
  }

  /// Standard normal noise by Box-Muller, from one Philox block for each element. The key is the
  /// seed and the counter (element, position, hash of the point's name), so that the noise does not
  /// depend on batch, threads or steps.
  at::Tensor noise(double standard_deviation, std::uint64_t seed) const {
    const std::uint64_t point = name_hash(region.point->name);
    const SiteAxes axes = axes_of(*region.point);
    const at::Tensor values = at::empty(region.values.sizes().slice(1), at::kFloat);
    float* next = values.data_ptr<float>();
    std::array<std::size_t, 8> at{};
    for (std::int64_t i = 0; i < values.numel(); ++i) {
      // The number of an element is computed from its indices in the whole activation, so that a
      // selection of heads or neurons draws the same noise as all of them.
      std::uint64_t element = 0;
      std::int64_t position = 0;
      for (std::int64_t axis = 1; axis < region.rows.dim(); ++axis) {
        const std::size_t k = at[static_cast<std::size_t>(axis)];
        if (axis == axes.position)
          position = std::max<std::int64_t>(region.positions[k], 0);
        else
          element = element * static_cast<std::uint64_t>(
                                  // A fixed stride for keys, whose number grows with the sequence.
                                  axis == axes.key ? (1 << 24) : region.rows.size(axis)) +
                    static_cast<std::uint64_t>(region.of_axis(axis)[k]);
      }
      *next++ = static_cast<float>(standard_deviation * normal(seed, element, position, point));
      for (std::int64_t axis = region.rows.dim() - 1; axis > 0; --axis) {
        std::size_t& k = at[static_cast<std::size_t>(axis)];
        if (++k < region.of_axis(axis).size()) break;
        k = 0;
      }
    }
    return values;
  }

  static double normal(std::uint64_t seed, std::uint64_t element, std::int64_t position,
                       std::uint64_t point) {
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
    const auto words =
        philox4x32_10({low(element), static_cast<std::uint32_t>(position) ^ high(element),
                       low(point), high(point)},
                      {low(seed), high(seed)});
    // 53 random bits, as Python's random() forms them; 1 - u is never 0, so the logarithm is
    // finite.
    const auto uniform = [](std::uint32_t a, std::uint32_t b) {
      return (static_cast<double>(a >> 5) * 67108864.0 + static_cast<double>(b >> 6)) /
             9007199254740992.0;
    };
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform(words[0], words[1])));
    return radius * std::cos(2.0 * std::numbers::pi * uniform(words[2], words[3]));
  }

  static std::uint64_t name_hash(const std::string& name) {
    return std::stoull(sha256_hex(name).substr(0, 16), nullptr, 16);
  }
};

}  // namespace

at::Tensor act(const InterventionAction& action, const ActionSources& sources,
               const Region& region) {
  return std::visit(Act{sources, region}, action);
}

}  // namespace lensbench
