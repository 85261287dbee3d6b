#include "core/parameters/value_check.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/text/boolean.hpp"
#include "core/text/number_text.hpp"
#include "core/text/suggest.hpp"

// Texts of parameters: their checks and their one canonical spelling, which is stored in recipes
// and compared.

namespace lensbench {
namespace {

/// The whole text must be the number: `3x` and an empty text are refused. from_chars does not
/// depend on the locale.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

/// An interval that cannot be read allows nothing; `problem_of` reports it to the plug-in's author.
bool is_allowed_number(const ParameterInfo& parameter, double value) {
  const std::string values = parameter.allowed_values();
  if (values.empty()) return true;
  const auto interval = parse_interval(values);
  return interval && interval->contains(value);
}

bool is_word(const ParameterInfo& parameter, const std::string& text) {
  const auto words = parameter.words();
  return std::find(words.begin(), words.end(), text) != words.end();
}

std::optional<std::string> canonical_integer(const ParameterInfo& parameter,
                                             const std::string& text) {
  const auto value = parse_integer(text);
  if (!value || !is_allowed_number(parameter, static_cast<double>(*value))) return std::nullopt;
  return std::to_string(*value);
}

std::optional<std::string> canonical_number(const ParameterInfo& parameter,
                                            const std::string& text) {
  const auto value = parse_finite(text);
  if (!value || !is_allowed_number(parameter, *value)) return std::nullopt;
  return shortest_text(*value);
}

/// The spelling of one item of a list, or of a value that is not a list.
std::optional<std::string> canonical_item(const ParameterInfo& parameter, const std::string& text) {
  switch (parameter.type) {
    case ParameterType::integer:
    case ParameterType::integers:
      return canonical_integer(parameter, text);
    case ParameterType::number:
    case ParameterType::numbers:
      return canonical_number(parameter, text);
    case ParameterType::boolean:
      if (const auto value = parse_boolean(text)) return *value ? "true" : "false";
      return std::nullopt;
    case ParameterType::choice:
    case ParameterType::choices:
      return is_word(parameter, text) ? std::optional(text) : std::nullopt;
    // The meaning of these is checked where model and files are known.
    case ParameterType::token:
    case ParameterType::tokens:
    case ParameterType::model:
    case ParameterType::models:
    case ParameterType::file:
    case ParameterType::hooks:
    case ParameterType::text:
    case ParameterType::texts:
      return text;
  }
  return std::nullopt;
}

/// Items in the order given. A choice that is named twice is refused.
std::optional<std::string> canonical_list(const ParameterInfo& parameter, const std::string& text) {
  std::vector<std::string> items;
  for (const auto& item : split_list(text)) {
    auto value = canonical_item(parameter, item);
    if (!value) return std::nullopt;
    if (parameter.type == ParameterType::choices &&
        std::find(items.begin(), items.end(), *value) != items.end())
      return std::nullopt;
    items.push_back(std::move(*value));
  }
  if (items.empty() && parameter.needs_items()) return std::nullopt;
  return join(items, ",");
}

/// Whether an empty text is a value: of a list, of a text, and of a parameter without a default,
/// which has it if it is not set.
bool may_be_empty(const ParameterInfo& parameter) {
  if (is_list(parameter.type)) return !parameter.needs_items();
  return parameter.type == ParameterType::text ||
         (parameter.default_value.empty() && !parameter.required);
}

}  // namespace

std::optional<std::int64_t> parse_integer(std::string_view text) {
  return parse_number<std::int64_t>(text);
}

std::optional<double> parse_finite(std::string_view text) {
  const auto value = parse_number<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

/// Empty items are left out, so that a trailing comma is harmless.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const auto comma = text.find(',');
    if (auto item = trim(text.substr(0, comma)); !item.empty()) items.push_back(std::move(item));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return items;
}

std::optional<Interval> parse_interval(std::string_view text) {
  // The shortest interval is `[0,1]`.
  if (text.size() < 5) return std::nullopt;
  const char first = text.front(), last = text.back();
  if ((first != '[' && first != '(') || (last != ']' && last != ')')) return std::nullopt;
  // Both brackets are removed before the ends are split.
  const auto ends = split_list(text.substr(1, text.size() - 2));
  if (ends.size() != 2) return std::nullopt;
  const auto limit = [](const std::string& end) -> std::optional<double> {
    if (end == "inf") return std::numeric_limits<double>::infinity();
    if (end == "-inf") return -std::numeric_limits<double>::infinity();
    return parse_finite(end);
  };
  const auto low = limit(ends[0]), high = limit(ends[1]);
  if (!low || !high || *low > *high) return std::nullopt;
  return Interval{*low, *high, first == '(', last == ')'};
}

/// For messages: `from 1 to 10` if both limits belong to the interval, otherwise a phrase for each
/// limit.
std::string limits_in_words(const Interval& interval) {
  const bool below = std::isfinite(interval.high), above = std::isfinite(interval.low);
  const std::string low = shortest_text(interval.low), high = shortest_text(interval.high);
  if (above && below && !interval.low_open && !interval.high_open)
    return "from " + low + " to " + high;
  std::string words;
  if (above) words = (interval.low_open ? "greater than " : "of at least ") + low;
  if (below) {
    if (!words.empty()) words += " and ";
    words += (interval.high_open ? "less than " : "at most ") + high;
  }
  return words;
}

/// `none` means an empty value, except for text and for a parameter whose words include it.
std::optional<std::string> canonical_value(const ParameterInfo& parameter,
                                           const std::string& text) {
  const bool is_none =
      text == "none" && parameter.type != ParameterType::text && !is_word(parameter, text);
  if (is_none || text.empty())
    if (may_be_empty(parameter)) return "";
  // Otherwise a text such as the name of a hook point.
  if (is_none && parameter.needs_items()) return std::nullopt;
  return is_list(parameter.type) ? canonical_list(parameter, text)
                                 : canonical_item(parameter, text);
}

}  // namespace lensbench
