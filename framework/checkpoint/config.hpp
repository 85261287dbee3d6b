#pragma once

#include <cstdint>
#include <filesystem>
#include <lensbench/export.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Closed interval a number of a configuration must lie in.
template <class T>
struct Range {
  T min, max;
};

/// Sizes of a model: positive and small enough that the product of two cannot overflow.
inline constexpr Range<std::int64_t> kDimension{1, std::int64_t{1} << 24};
/// Any positive finite number (a norm's epsilon, a rotary base).
inline constexpr Range<double> kPositive{1e-300, 1e300};
inline constexpr Range<double> kAnyNumber{-1e300, 1e300};

/// Typed, range-checked reading of a JSON object of settings. A field that is null counts as
/// absent, as in Hugging Face configurations. Each error names file, field, what was found and what
/// was expected. Refers to the object and to the file's name: it must not outlive them.
class LENSBENCH_API ConfigReader {
 public:
  /// \param file  named in messages
  /// \param prefix  names the object inside the file in messages (`rope_scaling.`)
  ConfigReader(const nlohmann::json& object, std::filesystem::path file, std::string prefix = {});

  bool has(std::string_view field) const { return find(field) != nullptr; }
  /// Written, and null: in some fields that says something else than their absence.
  bool is_null(std::string_view field) const;

  // The first form of each requires the field, the second has a default (nullopt included).
  std::int64_t integer(std::string_view field, Range<std::int64_t> range = kDimension) const;
  std::int64_t integer_or(std::string_view field, std::int64_t otherwise,
                          Range<std::int64_t> range = kDimension) const;
  std::optional<std::int64_t> optional_integer(std::string_view field,
                                               Range<std::int64_t> range = kDimension) const;

  double number(std::string_view field, Range<double> range = kAnyNumber) const;
  double number_or(std::string_view field, double otherwise,
                   Range<double> range = kAnyNumber) const;
  std::optional<double> optional_number(std::string_view field,
                                        Range<double> range = kAnyNumber) const;

  bool boolean(std::string_view field) const;
  bool boolean_or(std::string_view field, bool otherwise) const;

  std::string string(std::string_view field) const;
  std::string string_or(std::string_view field, std::string_view otherwise) const;

  /// \return empty if absent
  std::vector<double> numbers(std::string_view field, Range<double> range = kAnyNumber) const;
  std::vector<std::int64_t> integers(std::string_view field, Range<std::int64_t> range) const;
  /// A number or a list of them (`eos_token_id`); empty if absent.
  std::vector<std::int64_t> integer_or_integers(std::string_view field,
                                                Range<std::int64_t> range) const;
  std::vector<std::string> strings(std::string_view field) const;

  /// An object inside this one; nullopt if absent.
  std::optional<ConfigReader> object(std::string_view field) const;

  /// For a field that changes what the model computes in a way that is not supported: passes when
  /// it is absent or has this value. \throws InputError otherwise
  void require_absent_or(std::string_view field, const nlohmann::json& supported) const;

  /// The field as it is, for shapes no other reader has; nullptr if absent.
  const nlohmann::json* raw(std::string_view field) const { return find(field); }

  /// An InputError `file: field: fault`, for checks that concern several fields.
  [[noreturn]] void fail(std::string_view field, const std::string& fault) const;

 private:
  const nlohmann::json* find(std::string_view field) const;
  const nlohmann::json& require(std::string_view field, const char* expected) const;
  std::int64_t as_integer(std::string_view field, const nlohmann::json& value,
                          Range<std::int64_t> range) const;
  double as_number(std::string_view field, const nlohmann::json& value, Range<double> range) const;

  const nlohmann::json* object_;
  std::filesystem::path file_;
  std::string prefix_;
};

}  // namespace lensbench
