#include <utility>

#include "archive/run/unit_contents.hpp"

namespace lensbench {
namespace {

void put(UnitBytes& bytes, const Cost& cost) {
  bytes.number(cost.seconds);
  bytes.number(cost.peak_memory_bytes);
  bytes.number(cost.calls);
}

Cost take_cost(UnitCursor& from) {
  Cost cost;
  cost.seconds = from.number<double>();
  // An unknown peak is read as one NaN, whatever bits were stored.
  if (const auto peak = from.number<double>(); peak == peak) cost.peak_memory_bytes = peak;
  cost.calls = from.number<std::int64_t>();
  return cost;
}

}  // namespace

void put(UnitBytes& bytes, const CaseCosts& costs) {
  put(bytes, costs.whole);
  bytes.text(costs.session);
  bytes.count(costs.tools.size());
  for (const auto& [tool, cost] : costs.tools) {
    bytes.text(tool);
    put(bytes, cost);
  }
  bytes.count(costs.profile.size());
  for (const ProfileEntry& entry : costs.profile) {
    bytes.text(entry.component);
    bytes.number(entry.seconds);
    for (const std::int64_t value :
         {entry.block, entry.calls, entry.allocated_bytes, entry.peak_bytes, entry.weight_bytes})
      bytes.number(value);
  }
}

CaseCosts take_costs(UnitCursor& from) {
  CaseCosts costs;
  costs.whole = take_cost(from);
  costs.session = from.text();
  for (std::size_t left = from.length(); left > 0; --left) {
    std::string tool = from.text();
    costs.tools.emplace(std::move(tool), take_cost(from));
  }
  for (std::size_t left = from.length(); left > 0; --left) {
    ProfileEntry entry;
    entry.component = from.text();
    entry.seconds = from.number<double>();
    for (std::int64_t* value : {&entry.block, &entry.calls, &entry.allocated_bytes,
                                &entry.peak_bytes, &entry.weight_bytes})
      *value = from.number<std::int64_t>();
    costs.profile.push_back(std::move(entry));
  }
  return costs;
}

}  // namespace lensbench
