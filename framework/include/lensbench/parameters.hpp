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
  integer,   ///< a whole number; `allowed` may be an interval
  number,    ///< a finite number; `allowed` may be an interval
  boolean,   ///< `true` or `false`
  text,      ///< any text
  choice,    ///< one of the words in `allowed`
  token,     ///< a token id, the text of one token, or one of the words in `allowed`
  model,     ///< a model directory or hub name; its files become part of the recipe
  file,      ///< a file, a folder (`allowed` lists the files to read) or `ARCHIVE.h5:results/NAME`;
             ///< what is read becomes part of the recipe
  integers,  ///< whole numbers separated by commas, each in the interval `allowed`
  numbers,   ///< finite numbers separated by commas, each in the interval `allowed`
  texts,     ///< texts separated by commas
  choices,   ///< words of `allowed` separated by commas, each at most once
  tokens,    ///< items as for `token`, separated by commas
  models,    ///< model directories or hub names separated by commas
  hooks,     ///< hook points separated by commas: names, aliases or globs; `!` excludes matches
};

/// Whether the value of a parameter is a list of items that are separated by commas.
LENSBENCH_API bool is_list(ParameterType type);

/// One parameter of a tool or an experiment, set by `--set NAME=VALUE`. Constant data, so that the
/// descriptor of a plug-in can contain it. Help, completion, checks and error messages come from
/// these fields; a tool does not validate values that they describe.
struct ParameterSpec {
  const char* name;           ///< [a-z][a-z0-9_]*
  ParameterType type;         ///< type of the value
  const char* default_value;  ///< text of the default; "": without a default, nullptr: must be set
  const char* units;          ///< `1`, `nats`, `tokens`; "" if not applicable
  const char* help;           ///< one sentence
  /// Allowed values: an interval for numbers (`[1, inf)`, `(0, 1]`), words separated by `|` for
  /// choices and for tokens, names of files separated by `|` for a folder; nullptr: all. A list
  /// that needs at least one item has `+` before them: `+[1, inf)`, or `+` alone.
  const char* allowed = nullptr;
};

/// A `ParameterSpec` with its own texts.
struct LENSBENCH_API ParameterInfo {
  std::string name;                          ///< see `ParameterSpec::name`
  ParameterType type = ParameterType::text;  ///< see `ParameterSpec::type`
  std::string default_value;                 ///< see `ParameterSpec::default_value`
  std::string units;                         ///< see `ParameterSpec::units`
  std::string help;                          ///< see `ParameterSpec::help`
  std::string allowed;                       ///< see `ParameterSpec::allowed`; empty: all
  bool required = false;                     ///< must be set, because it is without a default
  bool operator==(const ParameterInfo&) const = default;  ///< compares all fields

  ParameterInfo() = default;
  /// Copies the texts of a spec.
  explicit ParameterInfo(const ParameterSpec& spec);
  /// Words of `allowed`, for types with words; empty for intervals.
  std::vector<std::string> words() const;
  /// Whether a list needs at least one item; false for other types.
  bool needs_items() const;
  /// `allowed` without the mark of a list that needs an item.
  std::string allowed_values() const;
};

/// Name of a type in messages and help: `an integer`, `a number`, …
LENSBENCH_API std::string describe(ParameterType type);

/// Expected value of a parameter in words: `an integer of at least 1`, `one of float32, float16`.
LENSBENCH_API std::string expectation(const ParameterInfo& parameter);

/// Name -> value as text, as given to a tool or an experiment.
using Settings = std::map<std::string, std::string>;

/// Values for a list of parameters, with defaults filled in and types and ranges checked.
class LENSBENCH_API Parameters {
 public:
  Parameters() = default;

  /// Checks given values against parameters and fills in defaults. Values get one spelling
  /// (`1.0` becomes `1`, `yes` becomes `true`), so that equal requests are equal in an archive. The
  /// word `none` sets a list to the empty list, and a parameter without a default to its default.
  /// \param known    all parameters
  /// \param given    name -> value as text
  /// \param subject  owner of the parameters, for messages: `tool 'logit_lens'`
  /// \throws UsageError for an unknown name (the message has the nearest known names), a value of
  ///   another type or outside of the allowed values, or a required parameter that is not set
  static Parameters resolve(const std::vector<ParameterInfo>& known, const Settings& given,
                            const std::string& subject);
  /// Checks given values against a table of specs, as the other `resolve`.
  static Parameters resolve(std::span<const ParameterSpec> specs, const Settings& given,
                            const std::string& subject);

  /// Whether the parameter has a value, which the accessors for numbers need.
  /// \throws UsageError if the parameter is not declared
  bool is_set(std::string_view name) const;
  /// Whether a parameter of that name is declared.
  bool declares(std::string_view name) const { return find(name) != nullptr; }

  /// Value of a parameter of type `integer`.
  /// \throws UsageError if the parameter is not declared, has another type, or is not set
  std::int64_t integer(std::string_view name) const;
  /// Value of a parameter of type `number`. \throws UsageError under the conditions of `integer`
  double number(std::string_view name) const;
  /// Value of a parameter of type `boolean`. \throws UsageError under the conditions of `integer`
  bool boolean(std::string_view name) const;
  /// Value of a parameter of type `text`, `choice`, `token`, `model` or `file`, as given; empty if
  /// it is not set. \throws UsageError if it is not declared or has another type
  const std::string& text(std::string_view name) const;
  /// Items of a parameter of any list type, split at commas, without blanks around items and
  /// without empty items. \throws UsageError if it is not declared or has another type
  std::vector<std::string> list(std::string_view name) const;
  /// Items of a parameter of type `integers`. \throws UsageError under the conditions of `list`
  std::vector<std::int64_t> integers(std::string_view name) const;
  /// Items of a parameter of type `numbers`. \throws UsageError under the conditions of `list`
  std::vector<double> numbers(std::string_view name) const;

  /// Name -> value as text, for all parameters.
  const Settings& values() const { return values_; }
  /// The parameters, in order of declaration.
  const std::vector<ParameterInfo>& declared() const { return declared_; }
  /// Names of the parameters of one type, sorted.
  std::vector<std::string> names_of(ParameterType type) const;
  /// Owner of the parameters, for messages.
  const std::string& subject() const { return subject_; }

 private:
  const ParameterInfo* find(std::string_view name) const;
  const ParameterInfo& declared(std::string_view name) const;
  const std::string& value(std::string_view name, ParameterType type) const;
  [[noreturn]] void unset(std::string_view name) const;

  std::string subject_;
  std::vector<ParameterInfo> declared_;
  Settings values_;
};

}  // namespace lensbench
