#include <charconv>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/parameters.hpp>
#include <optional>

#include "core/text/boolean.hpp"
#include "core/text/suggest.hpp"

namespace lensbench {
namespace {

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_finite(std::string_view text) {
  const auto value = parse_number<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

bool is_of_type(const std::string& text, ParameterType type) {
  switch (type) {
    case ParameterType::integer:
      return parse_number<std::int64_t>(text).has_value();
    case ParameterType::number:
      return parse_finite(text).has_value();
    case ParameterType::boolean:
      return parse_boolean(text).has_value();
    case ParameterType::text:
    case ParameterType::list:
    case ParameterType::model:
      return true;
  }
  return false;
}

std::string trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

}  // namespace

std::string describe(ParameterType type) {
  switch (type) {
    case ParameterType::integer:
      return "an integer";
    case ParameterType::number:
      return "a number";
    case ParameterType::boolean:
      return "true or false";
    case ParameterType::text:
      return "text";
    case ParameterType::list:
      return "a list separated by commas";
    case ParameterType::model:
      return "a model directory or hub name";
  }
  return "";
}

Parameters Parameters::resolve(std::span<const ParameterSpec> specs,
                               const std::map<std::string, std::string>& given,
                               const std::string& subject) {
  Parameters resolved;
  resolved.subject_ = subject;
  std::vector<std::string> known;
  for (const auto& spec : specs) {
    known.emplace_back(spec.name);
    resolved.types_[spec.name] = spec.type;
    if (!spec.default_value && given.count(spec.name) == 0)
      throw UsageError(subject + ": parameter '" + spec.name + "' must be set to " +
                       describe(spec.type) + " (" + spec.help + ")");
    resolved.values_[spec.name] = spec.default_value ? spec.default_value : "";
  }
  for (const auto& [name, value] : given) {
    const auto type = resolved.types_.find(name);
    if (type == resolved.types_.end())
      throw UsageError(subject + ": unknown parameter '" + name + "'" + suggest(name, known));
    if (!is_of_type(value, type->second))
      throw UsageError(subject + ": parameter '" + name + "' is '" + value + "', expected " +
                       describe(type->second));
    // A boolean is stored with one spelling, so that equal requests are equal in the archive.
    resolved.values_[name] =
        type->second == ParameterType::boolean ? (*parse_boolean(value) ? "true" : "false") : value;
  }
  return resolved;
}

const std::string& Parameters::value(std::string_view name, ParameterType type) const {
  const auto found = types_.find(std::string(name));
  if (found == types_.end())
    throw UsageError(subject_ + ": parameter '" + std::string(name) +
                     "' is not declared; add it to the table of parameters");
  if (found->second != type)
    throw UsageError(subject_ + ": parameter '" + std::string(name) + "' is not declared as " +
                     describe(type));
  return values_.at(found->first);
}

std::int64_t Parameters::integer(std::string_view name) const {
  const auto number = parse_number<std::int64_t>(value(name, ParameterType::integer));
  if (!number)
    throw UsageError(subject_ + ": parameter '" + std::string(name) +
                     "' is not set; set it to a value");
  return *number;
}

double Parameters::number(std::string_view name) const {
  const auto number = parse_finite(value(name, ParameterType::number));
  if (!number)
    throw UsageError(subject_ + ": parameter '" + std::string(name) +
                     "' is not set; set it to a value");
  return *number;
}

bool Parameters::boolean(std::string_view name) const {
  return parse_boolean(value(name, ParameterType::boolean)).value_or(false);
}

const std::string& Parameters::text(std::string_view name) const {
  const auto found = types_.find(std::string(name));
  const bool model = found != types_.end() && found->second == ParameterType::model;
  return value(name, model ? ParameterType::model : ParameterType::text);
}

std::vector<std::string> Parameters::names_of(ParameterType type) const {
  std::vector<std::string> names;
  for (const auto& [name, its_type] : types_)
    if (its_type == type) names.push_back(name);
  return names;
}

std::vector<std::string> Parameters::list(std::string_view name) const {
  std::vector<std::string> items;
  std::string_view rest = value(name, ParameterType::list);
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    if (auto item = trim(rest.substr(0, comma)); !item.empty()) items.push_back(std::move(item));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return items;
}

std::vector<double> Parameters::numbers(std::string_view name) const {
  std::vector<double> numbers;
  for (const auto& item : list(name)) {
    const auto number = parse_finite(item);
    if (!number)
      throw UsageError(subject_ + ": parameter '" + std::string(name) + "' contains '" + item +
                       "', expected numbers separated by commas");
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace lensbench
