#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Closed interval of the values that are allowed for a number in a file.
template <class T>
struct Range {
  T min, max;
};

inline constexpr Range<std::int64_t> kAnyInteger{INT64_MIN, INT64_MAX};
inline constexpr Range<double> kAnyNumber{std::numeric_limits<double>::lowest(),
                                          std::numeric_limits<double>::max()};
/// Positive finite numbers (the epsilon of a norm, a rotary base).
inline constexpr Range<double> kPositive{1e-300, 1e300};

/// Typed reader of a value inside a JSON file. Each error is an InputError that names the file, the
/// field, the expected and the found value. The reader refers to the value, which must outlive it.
class JsonReader {
 public:
  /// \param file  named in messages
  JsonReader(const nlohmann::json& value, std::string file)
      : value_(&value), file_(std::make_shared<const std::string>(std::move(file))) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& file() const { return *file_; }
  bool is_null() const { return value_->is_null(); }

  /// A field of this object. A null field counts as missing, as in Hugging Face files.
  /// \param expected  expected content, for the message about a missing field
  /// \throws InputError if this is not an object or lacks the field
  JsonReader at(std::string_view key, std::string_view expected = {}) const;
  /// A field of this object; empty if it is missing or null.
  /// \throws InputError if this is not an object
  std::optional<JsonReader> find(std::string_view key) const;
  /// Number of elements of an array. \throws InputError if this is not an array
  std::size_t size() const;
  JsonReader at(std::size_t index) const;

  const std::string& string() const;
  bool boolean() const;
  std::int64_t integer(Range<std::int64_t> range = kAnyInteger) const;
  double number(Range<double> range = kAnyNumber) const;
  /// A string of exactly one character.
  char32_t character() const;
  std::vector<std::string> strings() const;
  std::vector<std::int64_t> integers(Range<std::int64_t> range = kAnyInteger) const;
  std::vector<double> numbers(Range<double> range = kAnyNumber) const;

  bool boolean_or(std::string_view key, bool otherwise) const;

  /// \throws InputError "FILE: field FIELD: message"
  [[noreturn]] void fail(std::string_view message) const;
  /// Reports an error in a field of this object, which may be missing.
  [[noreturn]] void fail(std::string_view key, std::string_view message) const;
  /// \throws InputError "FILE: field FIELD: expected ..., found ..."
  [[noreturn]] void fail_expected(std::string_view expected) const;

 private:
  JsonReader(const nlohmann::json& value, const JsonReader& parent, std::string path)
      : value_(&value), file_(parent.file_), path_(std::move(path)) {}
  std::string path_of(std::string_view key) const;

  const nlohmann::json* value_;
  std::shared_ptr<const std::string> file_;  // shared by all readers of one file
  std::string path_;
};

}  // namespace lensbench
