#include "archive/seal/run_tables.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

// Costs of a run as tables. Sums are kept for each case, and profiles only as sums over all cases,
// since a profile has an entry for each component of each block.

namespace lensbench {
namespace {

/// Tensor [rows, columns] of `value(row, column)`.
template <class Number, class Rows, class Columns, class Value>
at::Tensor grid(const Rows& rows, const Columns& columns, at::ScalarType type, Value&& value) {
  std::vector<Number> values;
  for (const auto& row : rows)
    for (const auto& column : columns) values.push_back(value(row, column));
  return at::tensor(values, at::TensorOptions(type))
      .reshape({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(columns.size())});
}

/// Adds the costs of a later pass. `fmax` prefers a known peak to NaN, which means unknown.
void add_cost(Cost& sum, const Cost& cost) {
  sum.seconds += cost.seconds;
  sum.peak_memory_bytes = std::fmax(sum.peak_memory_bytes, cost.peak_memory_bytes);
  sum.calls += cost.calls;
}

}  // namespace

void RunCosts::add(std::int64_t case_number, CaseCosts costs) {
  for (const ProfileEntry& entry : costs.profile) {
    ProfileEntry& sum = profile_[{entry.block, entry.component}];
    sum.calls += entry.calls;
    sum.seconds += entry.seconds;
    sum.allocated_bytes += entry.allocated_bytes;
    sum.peak_bytes = std::max(sum.peak_bytes, entry.peak_bytes);
    sum.weight_bytes += entry.weight_bytes;
  }
  costs.profile = {};
  const auto [known, is_new] = cases_.try_emplace(case_number, costs);
  if (is_new) return;
  // A later pass of the case.
  CaseCosts& sum = known->second;
  add_cost(sum.whole, costs.whole);
  for (const auto& [tool, cost] : costs.tools) add_cost(sum.tools[tool], cost);
  // The session is that of the process that finished the case.
  sum.session = costs.session;
}

Dataset RunCosts::table() const {
  Dataset table;
  if (cases_.empty()) return table;
  std::vector<std::int64_t> numbers;
  std::vector<double> seconds, peaks;
  std::vector<std::string> sessions;
  for (const auto& [number, costs] : cases_) {
    numbers.push_back(number);
    seconds.push_back(costs.whole.seconds);
    peaks.push_back(costs.whole.peak_memory_bytes);
    sessions.push_back(costs.session);
  }
  table.add_coordinate("case", at::tensor(numbers, at::kLong).to(at::kInt), "number of the case");
  table.add("case_seconds", {"case"}, at::tensor(seconds, at::kDouble), "s",
            "wall time of each case");
  table.add("case_peak_memory", {"case"}, at::tensor(peaks, at::kDouble), "bytes",
            "most memory resident in the process while the case ran, NaN where unknown");
  table.add("session", "case", std::move(sessions),
            "when the process that ran the case started; several after a resume");
  add_tools(table);
  add_profile(table);
  return table;
}

/// Tables over case and tool. A tool that a case did not call has 0 seconds and 0 calls, and NaN as
/// peak.
void RunCosts::add_tools(Dataset& table) const {
  std::set<std::string> tools;
  for (const auto& [number, costs] : cases_)
    for (const auto& [tool, cost] : costs.tools) tools.insert(tool);
  if (tools.empty()) return;
  static const Cost kNone;
  const auto cost_of = [](const auto& one, const std::string& tool) -> const Cost& {
    const auto found = one.second.tools.find(tool);
    return found == one.second.tools.end() ? kNone : found->second;
  };
  table.add_coordinate("tool", std::vector<std::string>(tools.begin(), tools.end()),
                       "tools that were called");
  table.add(
      "tool_seconds", {"case", "tool"},
      grid<double>(cases_, tools, at::kDouble,
                   [&](const auto& one, const auto& tool) { return cost_of(one, tool).seconds; }),
      "s", "wall time in each tool");
  table.add("tool_peak_memory", {"case", "tool"},
            grid<double>(cases_, tools, at::kDouble,
                         [&](const auto& one, const auto& tool) {
                           return cost_of(one, tool).peak_memory_bytes;
                         }),
            "bytes", "most memory resident in the process while the tool ran, NaN where unknown");
  table.add("tool_calls", {"case", "tool"},
            grid<std::int64_t>(
                cases_, tools, at::kLong,
                [&](const auto& one, const auto& tool) { return cost_of(one, tool).calls; }),
            "1", "calls of each tool");
}

/// Tables over block and component. Not every component exists in every block; the others have 0.
void RunCosts::add_profile(Dataset& table) const {
  if (profile_.empty()) return;
  std::set<std::int64_t> blocks;
  std::set<std::string> components;
  for (const auto& [key, entry] : profile_) {
    blocks.insert(key.first);
    components.insert(key.second);
  }
  const auto entry_of = [&](std::int64_t block, const std::string& component) {
    const auto found = profile_.find({block, component});
    return found == profile_.end() ? ProfileEntry() : found->second;
  };
  table.add_coordinate(
      "block",
      at::tensor(std::vector<std::int64_t>(blocks.begin(), blocks.end()), at::kLong).to(at::kInt),
      "block of the model, -1 for components outside of the blocks");
  table.add_coordinate("component", std::vector<std::string>(components.begin(), components.end()),
                       "part of the model");
  table.add("profile_seconds", {"block", "component"},
            grid<double>(blocks, components, at::kDouble,
                         [&](std::int64_t block, const std::string& component) {
                           return entry_of(block, component).seconds;
                         }),
            "s", "wall time of each component over all cases");
  const auto add_count = [&](const std::string& name, const std::string& units,
                             const std::string& long_name, std::int64_t ProfileEntry::*field) {
    table.add(name, {"block", "component"},
              grid<std::int64_t>(blocks, components, at::kLong,
                                 [&](std::int64_t block, const std::string& component) {
                                   return entry_of(block, component).*field;
                                 }),
              units, long_name);
  };
  add_count("profile_calls", "1", "how often each component ran", &ProfileEntry::calls);
  add_count("profile_allocated_bytes", "bytes", "memory of the tensors made in each component",
            &ProfileEntry::allocated_bytes);
  add_count("profile_peak_bytes", "bytes",
            "most tensor memory alive at once in one call, of what the component made",
            &ProfileEntry::peak_bytes);
  add_count("profile_weight_bytes", "bytes", "parameters that each component read, once a call",
            &ProfileEntry::weight_bytes);
}

}  // namespace lensbench
