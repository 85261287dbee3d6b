#include "report/terminal/numbers.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "report/terminal/case_name.hpp"

namespace lensbench::terminal {
namespace {

/// The tokens of one case: joined datasets have the tokens of all cases on one axis.
at::Tensor within(const Variable& variable, const CaseRange& range) {
  at::Tensor tensor = variable.tensor;
  for (std::size_t axis = 0; axis < variable.dims.size(); ++axis)
    if (variable.dims[axis] == "token")
      tensor = tensor.narrow(static_cast<std::int64_t>(axis), range.begin, range.size());
  return tensor;
}

std::string format(const char* pattern, int decimals, double value) {
  std::array<char, 400> buffer{};  // a double printed with %f needs up to 309 digits
  std::snprintf(buffer.data(), buffer.size(), pattern, decimals, value);
  return buffer.data();
}

/// Whether digits after the point would say nothing; NaN and infinities have none. The limit keeps
/// numbers within the digits that double represents exactly.
bool is_whole(double value) {
  return !std::isfinite(value) || (value == std::floor(value) && std::abs(value) < 1e15);
}

}  // namespace

// Joined datasets have the numbers of their cases in `case`, or in
// `case_number` if `case` labels tokens.
std::string case_name(const Dataset& dataset, std::int64_t number) {
  if (!dataset.contains("case_id") || !dataset["case_id"].is_text()) return "";
  const Variable& names = dataset["case_id"];
  std::int64_t index = number;
  // The number of a case equals its index only as long as no case was left out.
  if (const std::string axis = names.dims.front();
      has(dataset, axis, {axis}) && !dataset[axis].is_text()) {
    const Grid numbers(dataset[axis].tensor);
    const auto& all = numbers.values();
    index = std::find(all.begin(), all.end(), static_cast<double>(number)) - all.begin();
  }
  const auto& ids = names.strings;
  return index >= 0 && index < std::ssize(ids) ? ids[static_cast<std::size_t>(index)] : "";
}

/// One type for all element types: values are shown with few digits, so that the precision of
/// float64 suffices even for int64.
Grid::Grid(const at::Tensor& tensor) {
  const at::Tensor wide = tensor.to(at::kCPU).to(at::kDouble).contiguous();
  shape_ = wide.sizes().vec();
  const double* data = wide.data_ptr<double>();
  values_.assign(data, data + wide.numel());
}

/// A case is a run of equal numbers in `case`; joined datasets have the tokens of a case together.
std::vector<CaseRange> token_cases(const Dataset& dataset) {
  const std::int64_t n = dataset.dim("token");
  if (!has(dataset, "case", {"token"})) return {{0, "", 0, n}};
  const Grid numbers(dataset["case"].tensor);
  std::vector<CaseRange> cases;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto number = static_cast<std::int64_t>(numbers(i));
    if (cases.empty() || cases.back().number != number)
      cases.push_back({number, case_name(dataset, number), i, i});
    cases.back().end = i + 1;
  }
  return cases;
}

bool has(const Dataset& dataset, const std::string& name, const std::vector<std::string>& dims) {
  return dataset.contains(name) && dataset[name].dims == dims;
}

Grid grid(const Dataset& dataset, const std::string& name, const CaseRange& range) {
  if (!dataset.contains(name) || dataset[name].is_text()) return {};
  return Grid(within(dataset[name], range));
}

std::vector<std::string> token_texts(const Dataset& dataset, const CaseRange& range) {
  std::vector<std::string> texts;
  const bool known = has(dataset, "input_token", {"token"}) && dataset["input_token"].is_text();
  const auto positions = token_positions(dataset, range);
  for (std::int64_t i = 0; i < range.size(); ++i)
    texts.push_back(known
                        ? dataset["input_token"].strings[static_cast<std::size_t>(range.begin + i)]
                        : std::to_string(positions[static_cast<std::size_t>(i)]));
  return texts;
}

std::vector<std::int64_t> token_positions(const Dataset& dataset, const CaseRange& range) {
  std::vector<std::int64_t> positions;
  const Grid stored =
      has(dataset, "position", {"token"}) ? grid(dataset, "position", range) : Grid();
  for (std::int64_t i = 0; i < range.size(); ++i)
    positions.push_back(stored.empty() ? i : static_cast<std::int64_t>(stored(i)));
  return positions;
}

std::string probability(double value) {
  if (std::isnan(value)) return "";
  return fixed(value, 3);
}

std::string short_probability(double value) {
  const std::string digits = probability(value);
  if (digits.empty()) return "";
  return digits.front() == '0' ? digits.substr(1) : digits.substr(0, 4);
}

/// Rounded down, so that 99 never means more than the value is; two cells leave no room for 100.
std::string percent(double value) {
  if (std::isnan(value)) return "";
  return std::to_string(std::clamp(static_cast<int>(std::floor(value * 100)), 0, 99));
}

std::string fixed(double value, int decimals) {
  if (std::isnan(value)) return "";
  return format("%.*f", decimals, value);
}

std::string whole(double value) {
  return fixed(value, 0);
}

/// Whole numbers below 1e9, such as counts and ids, keep all their digits.
std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (is_whole(value) && std::abs(value) < 1e9) return whole(value);
  return format("%.*g", 4, value);
}

std::string count(std::int64_t n, std::string_view noun) {
  return std::to_string(n) + " " + std::string(noun) + (n == 1 ? "" : "s");
}

std::vector<std::string> column_of(const std::vector<double>& values) {
  double largest = 0, smallest = INFINITY;
  bool all_whole = true;
  for (const double value : values) {
    all_whole = all_whole && is_whole(value);
    // Zeros and infinities say nothing about the magnitude that the format must show.
    if (!std::isfinite(value) || value == 0) continue;
    largest = std::max(largest, std::abs(value));
    smallest = std::min(smallest, std::abs(value));
  }
  // Four significant digits of the largest value: one place fewer for each power of ten.
  const int decimals =
      largest == 0 ? 1 : std::clamp(3 - static_cast<int>(std::floor(std::log10(largest))), 0, 4);
  const bool scientific = largest > 0 && (largest >= 1e7 || largest < 1e-3);
  std::vector<std::string> cells;
  for (const double value : values) {
    if (std::isnan(value))
      cells.emplace_back();
    else if (all_whole && largest < 1e15)
      cells.push_back(whole(value));
    else
      cells.push_back(scientific ? format("%.*e", 2, value) : fixed(value, decimals));
  }
  return cells;
}

}  // namespace lensbench::terminal
