#include "report/summary/show_costs.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iomanip>
#include <lensbench/error.hpp>
#include <map>
#include <set>
#include <sstream>
#include <utility>
#include <vector>

namespace lensbench {
namespace {

using nlohmann::json;

/// Numbers of a variable in C order. The table is read from a file, so that its form is checked
/// before the values are used as an array. \throws InputError for a text or other dimensions
std::vector<double> numbers(const Dataset& costs, const std::string& name,
                            const std::vector<std::string>& dims, const std::string& file) {
  if (!costs.contains(name) || costs[name].is_text() || costs[name].dims != dims)
    throw InputError(file + "/run: '" + name + "' is not what a run writes");
  const at::Tensor values = costs[name].tensor.to(at::kDouble).contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

/// Texts of a coordinate. \throws InputError as above
std::vector<std::string> labels(const Dataset& costs, const std::string& name,
                                const std::string& file) {
  if (!costs.contains(name) || !costs[name].is_text() || costs[name].dims != std::vector{name})
    throw InputError(file + "/run: '" + name + "' is not what a run writes");
  return costs[name].strings;
}

/// Largest value without NaN; null if all values are NaN.
json most(const std::vector<double>& values) {
  // `std::fmax` ignores NaN, which represents a peak that the system did not report.
  double result = std::nan("");
  for (const double value : values) result = std::fmax(result, value);
  return std::isnan(result) ? json() : json(result);
}

double sum(const std::vector<double>& values) {
  double result = 0;
  for (const double value : values) result += value;
  return result;
}

/// One column of a table [row, column].
std::vector<double> column(const std::vector<double>& table, std::size_t columns,
                           std::size_t which) {
  std::vector<double> values;
  for (std::size_t i = which; i < table.size(); i += columns) values.push_back(table[i]);
  return values;
}

/// Costs of each tool over all cases: calls and seconds are sums, the peak of memory is the largest
/// one, because cases run one after the other.
json tools_json(const Dataset& costs, const std::string& file) {
  json tools = json::object();
  // A run without tools has neither this axis nor its columns.
  if (!costs.contains("tool")) return tools;
  const auto names = labels(costs, "tool", file);
  const std::vector<std::string> dims = {"case", "tool"};
  const auto seconds = numbers(costs, "tool_seconds", dims, file),
             peaks = numbers(costs, "tool_peak_memory", dims, file),
             calls = numbers(costs, "tool_calls", dims, file);
  for (std::size_t i = 0; i < names.size(); ++i)
    tools[names[i]] = {{"calls", sum(column(calls, names.size(), i))},
                       {"seconds", sum(column(seconds, names.size(), i))},
                       {"peak_memory_bytes", most(column(peaks, names.size(), i))}};
  return tools;
}

/// Entries of the profile, one per block and component that was called. The table is dense; pairs
/// of a block and a component that never ran together are left out.
json profile_json(const Dataset& costs, const std::string& file) {
  json entries = json::array();
  if (!costs.contains("profile_seconds")) return entries;
  const auto components = labels(costs, "component", file);
  const auto blocks = numbers(costs, "block", {"block"}, file);
  const std::vector<std::string> dims = {"block", "component"};
  const std::array<std::pair<const char*, std::vector<double>>, 5> columns = {
      {{"calls", numbers(costs, "profile_calls", dims, file)},
       {"seconds", numbers(costs, "profile_seconds", dims, file)},
       {"allocated_bytes", numbers(costs, "profile_allocated_bytes", dims, file)},
       {"peak_bytes", numbers(costs, "profile_peak_bytes", dims, file)},
       {"weight_bytes", numbers(costs, "profile_weight_bytes", dims, file)}}};
  for (std::size_t i = 0; i < blocks.size() * components.size(); ++i) {
    if (columns[0].second[i] == 0) continue;
    json entry = {{"block", blocks[i / components.size()]},
                  {"component", components[i % components.size()]}};
    for (const auto& [name, values] : columns) entry[name] = values[i];
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string mebibytes(const json& bytes) {
  if (bytes.is_null()) return "unknown";
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << bytes.get<double>() / (1 << 20) << " MiB";
  return text.str();
}

std::string number(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

/// Text table: columns are as wide as their widest cell, the first left-aligned, the others
/// right-aligned.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::ostringstream text;
  for (const auto& row : rows) {
    text << " ";
    for (std::size_t i = 0; i < row.size(); ++i)
      text << (i == 0 ? " " : "  ") << (i == 0 ? std::left : std::right)
           << std::setw(static_cast<int>(widths[i])) << row[i];
    text << "\n";
  }
  return text.str();
}

/// Rows of the profile by component, summed over the blocks.
std::map<std::string, json> components_of(const json& profile) {
  std::map<std::string, json> sums;
  for (const json& entry : profile) {
    const auto [found, is_new] = sums.emplace(entry["component"].get<std::string>(), entry);
    if (is_new) continue;
    json& sum = found->second;
    for (const char* field : {"calls", "seconds", "allocated_bytes", "weight_bytes"})
      sum[field] = sum[field].get<double>() + entry[field].get<double>();
    // Calls do not overlap: their peaks do not add up.
    sum["peak_bytes"] =
        std::max(sum["peak_bytes"].get<double>(), entry["peak_bytes"].get<double>());
  }
  return sums;
}

/// Table of the components, the slowest first, with the share of each in the profiled time.
std::string by_component(const json& profile) {
  double total = 0;
  for (const json& entry : profile) total += entry["seconds"].get<double>();
  std::vector<std::pair<std::string, json>> sums;
  for (const auto& one : components_of(profile)) sums.push_back(one);
  std::sort(sums.begin(), sums.end(),
            [](const auto& a, const auto& b) { return a.second["seconds"] > b.second["seconds"]; });
  std::vector<std::vector<std::string>> rows = {
      {"component", "calls", "seconds", "share", "tensors made", "peak of a call", "weights read"}};
  for (const auto& [name, entry] : sums) {
    const double seconds = entry["seconds"].get<double>();
    rows.push_back({name, number(entry["calls"].get<double>(), 0), number(seconds, 4),
                    number(total > 0 ? 100 * seconds / total : 0, 1) + " %",
                    mebibytes(entry["allocated_bytes"]), mebibytes(entry["peak_bytes"]),
                    mebibytes(entry["weight_bytes"])});
  }
  rows.push_back({"all", "", number(total, 4)});
  return aligned(rows);
}

/// Table of seconds with a row per block and a column per component. Components outside of blocks,
/// such as the embedding, have the block number -1 and are only in the table above.
std::string by_block(const json& profile) {
  std::set<std::string> components;
  for (const json& entry : profile)
    if (entry["block"].get<double>() >= 0) components.insert(entry["component"].get<std::string>());
  std::vector<std::vector<std::string>> rows = {{"block"}};
  for (const auto& component : components) rows[0].push_back(component);
  rows[0].push_back("all");
  std::map<double, std::map<std::string, double>> seconds;
  for (const json& entry : profile)
    if (const double block = entry["block"].get<double>(); block >= 0)
      seconds[block][entry["component"].get<std::string>()] = entry["seconds"].get<double>();
  for (auto& [block, of_block] : seconds) {
    std::vector<std::string> row = {number(block, 0)};
    double all = 0;
    for (const auto& component : components) {
      row.push_back(number(of_block[component], 4));
      all += of_block[component];
    }
    row.push_back(number(all, 4));
    rows.push_back(std::move(row));
  }
  return aligned(rows);
}

}  // namespace

/// An archive without recorded costs gives an empty object, for which the text is empty too.
json describe_costs_json(const Dataset& costs, const std::string& file) {
  if (!costs.contains("case_seconds")) return json::object();
  const auto seconds = numbers(costs, "case_seconds", {"case"}, file);
  return {{"case_seconds", sum(seconds)},
          {"slowest_case_seconds", most(seconds)},
          {"peak_memory_bytes", most(numbers(costs, "case_peak_memory", {"case"}, file))},
          {"tools", tools_json(costs, file)},
          {"profile", profile_json(costs, file)}};
}

std::string describe_costs(const json& costs) {
  if (costs.empty()) return "";
  std::ostringstream out;
  out << "cost        " << number(costs["case_seconds"].get<double>(), 2) << " s in cases, slowest "
      << (costs["slowest_case_seconds"].is_null()
              ? "unknown"
              : number(costs["slowest_case_seconds"].get<double>(), 2) + " s")
      << ", peak memory " << mebibytes(costs["peak_memory_bytes"]) << "\n";
  if (!costs["tools"].empty()) {
    std::vector<std::vector<std::string>> rows = {{"tool", "calls", "seconds", "peak memory"}};
    for (const auto& [tool, cost] : costs["tools"].items())
      rows.push_back({tool, number(cost["calls"].get<double>(), 0),
                      number(cost["seconds"].get<double>(), 4),
                      mebibytes(cost["peak_memory_bytes"])});
    out << aligned(rows);
  }
  if (!costs["profile"].empty())
    out << "profile     forwards and readouts of the model, over all cases\n"
        << by_component(costs["profile"]) << "\n  seconds by block\n"
        << by_block(costs["profile"]);
  return out.str();
}

}  // namespace lensbench
