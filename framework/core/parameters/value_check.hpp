#pragma once

#include <cstdint>
#include <lensbench/parameters.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// The whole number that a text is; empty for other text.
std::optional<std::int64_t> parse_integer(std::string_view text);
/// The finite number that a text is; empty for other text.
std::optional<double> parse_finite(std::string_view text);

/// Items of a list, split at commas, without blanks around items and without empty items.
std::vector<std::string> split_list(std::string_view text);

/// An interval of numbers: `[1, inf)`, `(0, 1]`.
struct Interval {
  double low, high;
  bool low_open, high_open;

  bool contains(double value) const {
    return (low_open ? value > low : value >= low) && (high_open ? value < high : value <= high);
  }
};

/// Reads an interval; empty for other text.
std::optional<Interval> parse_interval(std::string_view text);

/// Limits of an interval in words: `from 1 to 10`, `of at least 1`.
std::string limits_in_words(const Interval& interval);

/// The one spelling of a value that the parameter accepts (`1.0` becomes `1`); empty for a value
/// that it refuses.
std::optional<std::string> canonical_value(const ParameterInfo& parameter, const std::string& text);

}  // namespace lensbench
