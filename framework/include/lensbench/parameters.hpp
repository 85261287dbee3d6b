#pragma once

#include <cstdint>
#include <lensbench/export.hpp>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// What a parameter's text must be.
enum class ParameterType {
  integer,  ///< a whole number
  number,   ///< a finite number
  boolean,  ///< `true` or `false`
  text,     ///< anything
  list,     ///< items between commas
  model,    ///< a model directory or hub name; its files become part of the recipe
};

/// One parameter of a tool or an experiment: what `--set NAME=VALUE` accepts. Constant data, so
/// that a plug-in's descriptor can hold it.
struct ParameterSpec {
  const char* name;           ///< [a-z][a-z0-9_]*
  ParameterType type;         ///< what its text must be
  const char* default_value;  ///< as it would be typed; "" means none, nullptr that it must be set
  const char* units;          ///< `1`, `nats`, `tokens`; "" where there is none
  const char* help;           ///< one sentence
};

/// `an integer`, `a number`, … as messages and help say it.
LENSBENCH_API std::string describe(ParameterType type);

/// Values for a list of specs: defaults resolved, types checked, nothing unknown.
class LENSBENCH_API Parameters {
 public:
  Parameters() = default;

  /// \param specs    what there is to set
  /// \param given    name -> value, as typed
  /// \param subject  who asks, for messages: `tool 'logit_lens'`
  /// \throws UsageError for an unknown name (the nearest known ones are named), a value that is not
  ///   of the type, or a parameter that must be set and is not
  static Parameters resolve(std::span<const ParameterSpec> specs,
                            const std::map<std::string, std::string>& given,
                            const std::string& subject);

  /// Each throws UsageError if there is no such parameter or it is of another type.
  std::int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;  ///< as `integer`
  bool boolean(std::string_view name) const;   ///< as `integer`
  /// Of a text, or of a model: what was given to name it.
  const std::string& text(std::string_view name) const;
  /// Split at commas, blanks around each item dropped, empty items dropped.
  std::vector<std::string> list(std::string_view name) const;
  /// A list of numbers. \throws UsageError also for an item that is none
  std::vector<double> numbers(std::string_view name) const;

  /// Name -> value as text, every parameter included.
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
