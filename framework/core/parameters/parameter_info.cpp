#include <algorithm>
#include <lensbench/parameters.hpp>

#include "core/parameters/parameter_problem.hpp"
#include "core/parameters/value_check.hpp"
#include "core/text/suggest.hpp"

// Description of parameters: what a tool declares, in words for messages and help.

namespace lensbench {
namespace {

/// Types whose `allowed` is an interval; for the others it is a list of words.
bool has_interval(ParameterType type) {
  return type == ParameterType::integer || type == ParameterType::number ||
         type == ParameterType::integers || type == ParameterType::numbers;
}

/// A type in words, for values within limits: `an integer of at least 1`.
std::string within(const ParameterInfo& parameter, const std::string& one,
                   const std::string& many) {
  const auto interval = parse_interval(parameter.allowed_values());
  const std::string words = interval ? limits_in_words(*interval) : "";
  const std::string limits = words.empty() ? "" : " " + words;
  return is_list(parameter.type) ? many + limits + ", separated by commas" : one + limits;
}

std::string at_least_one(const ParameterInfo& parameter) {
  return parameter.needs_items() ? ", at least one" : "";
}

std::string or_one_of(const ParameterInfo& parameter) {
  const auto words = parameter.words();
  return words.empty() ? "" : ", or " + join(words, ", ");
}

}  // namespace

/// A switch without a default case, so that the compiler reports a new type that is missing here.
bool is_list(ParameterType type) {
  switch (type) {
    case ParameterType::integers:
    case ParameterType::numbers:
    case ParameterType::texts:
    case ParameterType::choices:
    case ParameterType::tokens:
    case ParameterType::models:
    case ParameterType::hooks:
      return true;
    case ParameterType::integer:
    case ParameterType::number:
    case ParameterType::boolean:
    case ParameterType::text:
    case ParameterType::choice:
    case ParameterType::token:
    case ParameterType::model:
    case ParameterType::file:
      return false;
  }
  return false;
}

/// A default of nullptr makes the parameter required; an empty text is a default.
ParameterInfo::ParameterInfo(const ParameterSpec& spec)
    : name(spec.name),
      type(spec.type),
      default_value(spec.default_value == nullptr ? "" : spec.default_value),
      units(spec.units),
      help(spec.help),
      allowed(spec.allowed == nullptr ? "" : spec.allowed),
      required(spec.default_value == nullptr) {}

bool ParameterInfo::needs_items() const {
  return is_list(type) && allowed.starts_with('+');
}

std::string ParameterInfo::allowed_values() const {
  return needs_items() ? allowed.substr(1) : allowed;
}

/// Words that a value may be, separated by `|` in the declaration.
std::vector<std::string> ParameterInfo::words() const {
  std::vector<std::string> words;
  std::string rest = allowed_values();
  if (rest.empty() || has_interval(type)) return words;
  for (std::size_t bar; (bar = rest.find('|')) != std::string::npos; rest.erase(0, bar + 1))
    words.push_back(rest.substr(0, bar));
  words.push_back(rest);
  return words;
}

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
    case ParameterType::choice:
      return "a choice";
    case ParameterType::token:
      return "a token id or the text of one token";
    case ParameterType::model:
      return "a model directory or hub name";
    case ParameterType::file:
      return "a file, a folder or ARCHIVE.h5:results/NAME";
    case ParameterType::integers:
      return "integers separated by commas";
    case ParameterType::numbers:
      return "numbers separated by commas";
    case ParameterType::texts:
      return "a list separated by commas";
    case ParameterType::choices:
      return "choices separated by commas";
    case ParameterType::tokens:
      return "token ids or texts of one token, separated by commas";
    case ParameterType::models:
      return "model directories or hub names separated by commas";
    case ParameterType::hooks:
      return "names or globs of hook points separated by commas";
  }
  return "";
}

/// Expected value in words, for messages: it completes the sentence "expected ...".
std::string expectation(const ParameterInfo& parameter) {
  switch (parameter.type) {
    case ParameterType::integer:
      return within(parameter, "an integer", "");
    case ParameterType::integers:
      return within(parameter, "", "integers") + at_least_one(parameter);
    case ParameterType::number:
      return within(parameter, "a number", "");
    case ParameterType::numbers:
      return within(parameter, "", "numbers") + at_least_one(parameter);
    case ParameterType::choice:
      return "one of " + join(parameter.words(), ", ");
    case ParameterType::choices:
      return "one or more of " + join(parameter.words(), ", ") +
             ", separated by commas, each once" + (parameter.needs_items() ? "" : ", or none");
    case ParameterType::token:
      return describe(parameter.type) + or_one_of(parameter);
    case ParameterType::tokens:
      return describe(parameter.type) + or_one_of(parameter) + at_least_one(parameter);
    case ParameterType::boolean:
    case ParameterType::text:
    case ParameterType::model:
    case ParameterType::file:
      return describe(parameter.type);
    case ParameterType::texts:
    case ParameterType::models:
    case ParameterType::hooks:
      return describe(parameter.type) + at_least_one(parameter);
  }
  return "";
}

/// Faults of the declaration itself, which a plug-in may have: found when it is loaded and not when
/// a user sets the parameter.
std::string problem_of(const ParameterInfo& parameter) {
  const std::string subject = "parameter '" + parameter.name + "': ";
  if (describe(parameter.type).empty()) return subject + "its type is unknown";
  const bool is_choice =
      parameter.type == ParameterType::choice || parameter.type == ParameterType::choices;
  const auto words = parameter.words();
  if (is_choice && words.empty()) return subject + "its choices are missing";
  if (std::find(words.begin(), words.end(), "") != words.end())
    return subject + "one of its allowed words is empty";
  if (const std::string values = parameter.allowed_values();
      has_interval(parameter.type) && !values.empty() && !parse_interval(values))
    return subject + "its interval is '" + parameter.allowed + "', expected one like [1, inf)";
  // The default is checked by the rules for values of users.
  if (!parameter.required && !canonical_value(parameter, parameter.default_value))
    return subject + "its default is '" + parameter.default_value + "', expected " +
           expectation(parameter);
  return "";
}

}  // namespace lensbench
