#pragma once

#include <filesystem>

#include "core/text/json_reader.hpp"

namespace lensbench {

/// Range of the sizes of a model: positive, and small enough that the product of two of them does
/// not overflow.
inline constexpr Range<std::int64_t> kDimension{1, std::int64_t{1} << 24};

/// Reader of a JSON object of settings, field by field. A null field counts as absent. The reader
/// refers to the object, which must outlive it.
class ConfigReader {
 public:
  /// \param file  named in messages
  /// \throws InputError if the value is not an object
  ConfigReader(const nlohmann::json& object, const std::filesystem::path& file)
      : ConfigReader(JsonReader(object, file.string())) {}

  /// File that messages name.
  const std::string& file() const { return object_.file(); }

  bool has(std::string_view field) const { return raw(field) != nullptr; }
  /// Whether the object has no field.
  bool empty() const { return object_.value().empty(); }
  /// Whether a field is present with the value null, for cases in which that differs from absence.
  bool is_null(std::string_view field) const;

  // Functions without a suffix or prefix require the field; `_or` has a default, `optional_`
  // returns nullopt if the field is absent.
  std::int64_t integer(std::string_view field, Range<std::int64_t> range = kDimension) const {
    return object_.at(field, "a whole number").integer(range);
  }
  std::int64_t integer_or(std::string_view field, std::int64_t otherwise,
                          Range<std::int64_t> range = kDimension) const {
    return optional_integer(field, range).value_or(otherwise);
  }
  std::optional<std::int64_t> optional_integer(std::string_view field,
                                               Range<std::int64_t> range = kDimension) const {
    return has(field) ? std::optional(integer(field, range)) : std::nullopt;
  }

  double number(std::string_view field, Range<double> range = kAnyNumber) const {
    return object_.at(field, "a number").number(range);
  }
  double number_or(std::string_view field, double otherwise,
                   Range<double> range = kAnyNumber) const {
    return optional_number(field, range).value_or(otherwise);
  }
  std::optional<double> optional_number(std::string_view field,
                                        Range<double> range = kAnyNumber) const {
    return has(field) ? std::optional(number(field, range)) : std::nullopt;
  }

  bool boolean(std::string_view field) const {
    return object_.at(field, "true or false").boolean();
  }
  bool boolean_or(std::string_view field, bool otherwise) const {
    return object_.boolean_or(field, otherwise);
  }

  std::string string(std::string_view field) const {
    return object_.at(field, "a string").string();
  }
  std::string string_or(std::string_view field, std::string_view otherwise) const {
    return has(field) ? string(field) : std::string(otherwise);
  }

  // Elements of a list field; empty if it is absent.
  std::vector<double> numbers(std::string_view field, Range<double> range = kAnyNumber) const;
  std::vector<std::string> strings(std::string_view field) const;
  /// Values of a field that is an integer or a list of integers (`eos_token_id`); empty if absent.
  std::vector<std::int64_t> integer_or_integers(std::string_view field,
                                                Range<std::int64_t> range) const;

  /// A nested object; nullopt if absent.
  std::optional<ConfigReader> object(std::string_view field) const;

  /// Checks that a field which would change the computation is absent or has the supported value.
  /// \throws InputError for any other value
  void require_absent_or(std::string_view field, const nlohmann::json& supported) const;

  /// JSON value of a field, for forms that the other functions do not read; nullptr if absent.
  const nlohmann::json* raw(std::string_view field) const;

  /// Reports a fault of a field, for checks that involve several fields.
  /// \throws InputError "FILE: field FIELD: fault"
  [[noreturn]] void fail(std::string_view field, const std::string& fault) const {
    object_.fail(field, fault);
  }

 private:
  explicit ConfigReader(JsonReader object);

  JsonReader object_;
};

}  // namespace lensbench
