#include <algorithm>
#include <lensbench/error.hpp>
#include <numeric>
#include <string>

#include "model/intervention/region.hpp"

namespace lensbench {
namespace {

using PartIndices = std::vector<std::int64_t>;

/// Parts of one row of the batch, all of its pictures together.
struct RowParts {
  const HookPoint& point;
  std::int64_t total;

  /// Number of a part, of which negative ones count from the end.
  std::int64_t counted(std::int64_t position) const {
    const std::int64_t number = position < 0 ? position + total : position;
    if (number >= 0 && number < total) return number;
    throw UsageError("intervention at '" + point.name + "': position " + std::to_string(position) +
                     " is outside the pictures, which have " + std::to_string(total) + " " +
                     (point.dims.front() == "image_token" ? "tokens" : "patches") + "; give 0 to " +
                     std::to_string(total - 1) + ", or -1 for the last one");
  }

  /// Numbers that a range selects.
  std::pair<std::int64_t, std::int64_t> range(const InterventionSite& site) const {
    const std::int64_t begin = site.from ? counted(*site.from) : 0;
    // `until` is the first part after the range, so it may be the number of all.
    const std::int64_t end = !site.until || *site.until == total ? total : counted(*site.until);
    if (begin < end) return {begin, end};
    throw UsageError("intervention at '" + point.name + "': the range from " +
                     std::to_string(begin) + " until " + std::to_string(end) +
                     " is empty; until is the first position after it");
  }
};

}  // namespace

std::vector<std::int64_t> indices_of_parts(const InterventionSite& site,
                                           const std::vector<std::int64_t>& positions,
                                           const HookPoint& point, std::int64_t first,
                                           std::int64_t count) {
  const SequencePlace& place = place_of(point);
  const auto number = [&](std::int64_t index) {
    return place.parts[static_cast<std::size_t>(first + index)].number;
  };
  const auto sequence = place.parts[static_cast<std::size_t>(first)].sequence;
  const RowParts row{point, place.parts_of_sequence[static_cast<std::size_t>(sequence)]};
  PartIndices order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::int64_t a, std::int64_t b) { return number(a) < number(b); });
  if (positions.empty()) {
    const auto [begin, end] = row.range(site);
    std::erase_if(order, [&, begin = begin, end = end](std::int64_t index) {
      return number(index) < begin || number(index) >= end;
    });
    return order;
  }
  PartIndices found;
  for (const std::int64_t position : positions) {
    const std::int64_t wanted = row.counted(position);
    const auto at = std::lower_bound(
        order.begin(), order.end(), wanted,
        [&](std::int64_t index, std::int64_t value) { return number(index) < value; });
    // The other segments have the rest.
    if (at != order.end() && number(*at) == wanted) found.push_back(*at);
  }
  return found;
}

}  // namespace lensbench
