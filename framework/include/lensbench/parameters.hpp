#pragma once

#include <cstdint>
#include <lensbench/export.hpp>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Type of a parameter, whose values are given as text.
enum class ParameterType {
  integer,  ///< a whole number
  number,   ///< a finite number
  boolean,  ///< `true` or `false`
  text,     ///< any text
  list,     ///< items separated by commas
  model,    ///< a model directory or hub name; its files become part of the recipe
};

/// One parameter of a tool or an experiment, set by `--set NAME=VALUE`. Constant data, so that the
/// descriptor of a plug-in can contain it.
struct ParameterSpec {
  const char* name;           ///< [a-z][a-z0-9_]*
  ParameterType type;         ///< type of the value
  const char* default_value;  ///< text of the default; "": without a default, nullptr: must be set
  const char* units;          ///< `1`, `nats`, `tokens`; "" if not applicable
  const char* help;           ///< one sentence
};

/// Name of a type in messages and help: `an integer`, `a number`, …
LENSBENCH_API std::string describe(ParameterType type);

/// Values for a list of parameter specs, with defaults filled in and types checked.
class LENSBENCH_API Parameters {
 public:
  Parameters() = default;

  /// Checks given values against specs and fills in defaults.
  /// \param specs    all parameters
  /// \param given    name -> value as text
  /// \param subject  owner of the parameters, for messages: `tool 'logit_lens'`
  /// \throws UsageError for an unknown name (the message has the nearest known names), a value of
  ///   another type, or a required parameter that is not set
  static Parameters resolve(std::span<const ParameterSpec> specs,
                            const std::map<std::string, std::string>& given,
                            const std::string& subject);

  /// Value of a parameter of type `integer`.
  /// \throws UsageError if the parameter is not declared or has another type
  std::int64_t integer(std::string_view name) const;
  /// Value of a parameter of type `number`. \throws UsageError under the conditions of `integer`
  double number(std::string_view name) const;
  /// Value of a parameter of type `boolean`. \throws UsageError under the conditions of `integer`
  bool boolean(std::string_view name) const;
  /// Value of a parameter of type `text`, or of type `model`: the directory or hub name as given.
  /// \throws UsageError under the conditions of `integer`
  const std::string& text(std::string_view name) const;
  /// Value of a parameter of type `list`, split at commas, without blanks around items and without
  /// empty items. \throws UsageError under the conditions of `integer`
  std::vector<std::string> list(std::string_view name) const;
  /// Value of a parameter of type `list` as numbers. \throws UsageError under the conditions of
  /// `integer`, and for an item that is not a number
  std::vector<double> numbers(std::string_view name) const;

  /// Name -> value as text, for all parameters.
  const std::map<std::string, std::string>& values() const { return values_; }
  /// Names of the parameters of one type, sorted.
  std::vector<std::string> names_of(ParameterType type) const;

 private:
  const std::string& value(std::string_view name, ParameterType type) const;

  std::string subject_;
  std::map<std::string, std::string> values_;
  std::map<std::string, ParameterType> types_;
};

}  // namespace lensbench
