#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace lensbench {

/// A value inside a JSON file that knows its place, so that every error names file and field.
/// The file's name and value must outlive it.
class JsonField {
 public:
  JsonField(const nlohmann::json& value, const std::string& file) : value_(&value), file_(&file) {}

  const nlohmann::json& value() const { return *value_; }
  const std::string& file() const { return *file_; }
  const std::string& path() const { return path_; }
  bool is_null() const { return value_->is_null(); }

  /// \throws InputError if this is not an object or lacks the key
  JsonField at(const char* key) const;
  /// None if the key is missing or null. \throws InputError if this is not an object
  std::optional<JsonField> find(const char* key) const;
  /// Elements of an array. \throws InputError if it is none
  std::size_t size() const;
  JsonField at(std::size_t index) const;

  const std::string& string() const;
  bool boolean() const;
  /// An integer in [low, high].
  std::int64_t integer(std::int64_t low, std::int64_t high) const;
  /// A string of exactly one character.
  char32_t character() const;

  bool boolean_or(const char* key, bool otherwise) const;

  /// "FILE: field FIELD: message"
  [[noreturn]] void fail(const std::string& message) const;

 private:
  JsonField(const nlohmann::json& value, const std::string& file, std::string path)
      : value_(&value), file_(&file), path_(std::move(path)) {}

  const nlohmann::json* value_;
  const std::string* file_;
  std::string path_;
};

}  // namespace lensbench
