#include <lensbench/error.hpp>
#include <lensbench/parameters.hpp>

#include "core/parameters/value_check.hpp"
#include "core/text/boolean.hpp"
#include "core/text/suggest.hpp"

// Values of parameters. All are checked and written in one canonical form when a request is
// resolved, so that equal requests have equal recipes, and tools never see an invalid value.

namespace lensbench {
namespace {

/// A refused value is an error with what was expected and, for a choice, the most similar word.
std::string canonical_or_throw(const ParameterInfo& parameter, const std::string& value,
                               const std::string& subject) {
  if (auto canonical = canonical_value(parameter, value)) return *canonical;
  const bool is_choice =
      parameter.type == ParameterType::choice || parameter.type == ParameterType::choices;
  const auto near =
      is_choice ? nearest_names(value, parameter.words(), 1) : std::vector<std::string>();
  throw UsageError(subject + ": parameter '" + parameter.name + "' is '" + value + "', expected " +
                   expectation(parameter) +
                   (near.empty() ? "" : "; did you mean '" + near.front() + "'?"));
}

}  // namespace

/// Every declared parameter gets a value; a value for another name is an error and never ignored.
Parameters Parameters::resolve(const std::vector<ParameterInfo>& known, const Settings& given,
                               const std::string& subject) {
  Parameters resolved;
  resolved.subject_ = subject;
  resolved.declared_ = known;
  std::vector<std::string> names;
  for (const auto& parameter : known) {
    names.push_back(parameter.name);
    const auto value = given.find(parameter.name);
    if (value == given.end() && parameter.required)
      throw UsageError(subject + ": parameter '" + parameter.name + "' must be set to " +
                       expectation(parameter) + " (" + parameter.help + ")");
    resolved.values_[parameter.name] = canonical_or_throw(
        parameter, value == given.end() ? parameter.default_value : value->second, subject);
  }
  // After the loop, since the message needs all names.
  for (const auto& [name, value] : given)
    if (!resolved.declares(name))
      throw UsageError(subject + ": unknown parameter '" + name + "'" + suggest(name, names));
  return resolved;
}

Parameters Parameters::resolve(std::span<const ParameterSpec> specs, const Settings& given,
                               const std::string& subject) {
  return resolve(std::vector<ParameterInfo>(specs.begin(), specs.end()), given, subject);
}

const ParameterInfo* Parameters::find(std::string_view name) const {
  for (const auto& parameter : declared_)
    if (parameter.name == name) return &parameter;
  return nullptr;
}

/// A parameter that the tool reads must be in its table: an undeclared one would not be part of the
/// recipe.
const ParameterInfo& Parameters::declared(std::string_view name) const {
  if (const auto* parameter = find(name)) return *parameter;
  throw UsageError((subject_.empty() ? "the request" : subject_) + ": parameter '" +
                   std::string(name) +
                   (declared_.empty() && values_.empty()
                        ? "' is missing, because the request has no parameters; make them with "
                          "Tool::parameters"
                        : "' is not declared; add it to the table of parameters"));
}

/// Text of a value whose declared type must be the one that is read.
const std::string& Parameters::value(std::string_view name, ParameterType type) const {
  const ParameterInfo& parameter = declared(name);
  if (parameter.type != type)
    throw UsageError(subject_ + ": parameter '" + parameter.name + "' is not declared as " +
                     describe(type));
  return values_.at(parameter.name);
}

/// Error for a parameter that may be empty and is read as if it had a value.
void Parameters::unset(std::string_view name) const {
  throw UsageError(subject_ + ": parameter '" + std::string(name) + "' is not set; set it to " +
                   expectation(declared(name)));
}

bool Parameters::is_set(std::string_view name) const {
  return !values_.at(declared(name).name).empty();
}

std::int64_t Parameters::integer(std::string_view name) const {
  const auto number = parse_integer(value(name, ParameterType::integer));
  if (!number) unset(name);
  return *number;
}

double Parameters::number(std::string_view name) const {
  const auto number = parse_finite(value(name, ParameterType::number));
  if (!number) unset(name);
  return *number;
}

bool Parameters::boolean(std::string_view name) const {
  const auto switched = parse_boolean(value(name, ParameterType::boolean));
  if (!switched) unset(name);
  return *switched;
}

const std::string& Parameters::text(std::string_view name) const {
  const ParameterInfo& parameter = declared(name);
  const bool is_text =
      parameter.type == ParameterType::text || parameter.type == ParameterType::choice ||
      parameter.type == ParameterType::token || parameter.type == ParameterType::model ||
      parameter.type == ParameterType::file;
  if (!is_text)
    throw UsageError(subject_ + ": parameter '" + parameter.name +
                     "' is not declared as a type of text");
  return values_.at(parameter.name);
}

std::vector<std::string> Parameters::list(std::string_view name) const {
  const ParameterInfo& parameter = declared(name);
  if (!is_list(parameter.type))
    throw UsageError(subject_ + ": parameter '" + parameter.name + "' is not declared as a list");
  return split_list(values_.at(parameter.name));
}

std::vector<std::int64_t> Parameters::integers(std::string_view name) const {
  // Items were checked when the request was resolved.
  std::vector<std::int64_t> numbers;
  for (const auto& item : split_list(value(name, ParameterType::integers)))
    numbers.push_back(*parse_integer(item));
  return numbers;
}

std::vector<double> Parameters::numbers(std::string_view name) const {
  std::vector<double> numbers;
  for (const auto& item : split_list(value(name, ParameterType::numbers)))
    numbers.push_back(*parse_finite(item));
  return numbers;
}

std::vector<std::string> Parameters::names_of(ParameterType type) const {
  std::vector<std::string> names;
  for (const auto& [name, value] : values_)
    if (find(name)->type == type) names.push_back(name);
  return names;
}

}  // namespace lensbench
