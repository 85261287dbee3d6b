#pragma once

#include <filesystem>

#include "core/text/json_reader.hpp"

namespace lensbench {

/// Sizes of a model: positive and small enough that the product of two cannot overflow.
inline constexpr Range<std::int64_t> kDimension{1, std::int64_t{1} << 24};

/// A JSON object of settings, read field by field through a `JsonReader`; a field that is null
/// counts as absent. Refers to the object, which must outlive it.
class LENSBENCH_API ConfigReader {
 public:
  /// \param file  named in messages
  /// \throws InputError if the value is not an object
  ConfigReader(const nlohmann::json& object, const std::filesystem::path& file)
      : ConfigReader(JsonReader(object, file.string())) {}

  bool has(std::string_view field) const { return raw(field) != nullptr; }
  /// True for a field that is written and null, where that differs from a field left out.
  bool is_null(std::string_view field) const;

  // The first form of each requires the field, the second has a default (nullopt included).
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

  // The elements of a list; none if it is absent.
  std::vector<double> numbers(std::string_view field, Range<double> range = kAnyNumber) const;
  std::vector<std::string> strings(std::string_view field) const;
  /// A number or a list of them (`eos_token_id`); empty if absent.
  std::vector<std::int64_t> integer_or_integers(std::string_view field,
                                                Range<std::int64_t> range) const;

  /// An object inside this one; nullopt if absent.
  std::optional<ConfigReader> object(std::string_view field) const;

  /// For a field that changes what the model computes in a way that is not supported: passes when
  /// it is absent or has this value. \throws InputError otherwise
  void require_absent_or(std::string_view field, const nlohmann::json& supported) const;

  /// The field as it is, for shapes that no other function reads; nullptr if absent.
  const nlohmann::json* raw(std::string_view field) const;

  /// \throws InputError "FILE: field FIELD: fault", for checks that concern several fields
  [[noreturn]] void fail(std::string_view field, const std::string& fault) const {
    object_.fail(field, fault);
  }

 private:
  explicit ConfigReader(JsonReader object);

  JsonReader object_;
};

}  // namespace lensbench
