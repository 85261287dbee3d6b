#include "core/text/json_reader.hpp"

#include <lensbench/error.hpp>
#include <sstream>

#include "core/text/printable.hpp"
#include "core/text/utf8.hpp"

// Typed access to JSON. Every error names file and field and what was expected and found, which is
// why a field is never read through nlohmann::json directly.

namespace lensbench {

using nlohmann::json;

namespace {

/// The type in words, with its limits unless it has none.
template <class T>
std::string described(const char* kind, Range<T> range, Range<T> any) {
  if (range.min == any.min && range.max == any.max) return kind;
  std::ostringstream out;
  out << kind << " from " << range.min << " to " << range.max;
  return out.str();
}

/// Elements of a list, each read by `get`; an error names the index.
template <class Get>
auto each(const JsonReader& list, Get get) {
  std::vector<std::decay_t<decltype(get(list))>> values;
  for (std::size_t i = 0; i < list.size(); ++i) values.push_back(get(list.at(i)));
  return values;
}

}  // namespace

void JsonReader::fail(std::string_view message) const {
  throw InputError(*file_ + ": " + (path_.empty() ? "" : "field " + path_ + ": ") +
                   std::string(message));
}

void JsonReader::fail(std::string_view key, std::string_view message) const {
  JsonReader(*value_, *this, path_of(key)).fail(message);
}

void JsonReader::fail_expected(std::string_view expected) const {
  fail("expected " + std::string(expected) + ", found " + printable(value_->dump()));
}

std::string JsonReader::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

/// Null counts as missing, because Hugging Face files write null for settings that are not set.
std::optional<JsonReader> JsonReader::find(std::string_view key) const {
  if (!value_->is_object()) fail_expected("an object");
  const auto found = value_->find(key);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return JsonReader(*found, *this, path_of(key));
}

JsonReader JsonReader::at(std::string_view key, std::string_view expected) const {
  if (auto field = find(key)) return *std::move(field);
  fail(key, "is missing" + (expected.empty() ? "" : "; expected " + std::string(expected)));
}

std::size_t JsonReader::size() const {
  if (!value_->is_array()) fail_expected("a list");
  return value_->size();
}

JsonReader JsonReader::at(std::size_t index) const {
  return JsonReader((*value_)[index], *this, path_ + "[" + std::to_string(index) + "]");
}

const std::string& JsonReader::string() const {
  if (!value_->is_string()) fail_expected("a string");
  return value_->get_ref<const std::string&>();
}

bool JsonReader::boolean() const {
  if (!value_->is_boolean()) fail_expected("true or false");
  return value_->get<bool>();
}

std::int64_t JsonReader::integer(Range<std::int64_t> range) const {
  // An unsigned number greater than the maximum of int64 would wrap around.
  const bool fits =
      value_->is_number_integer() &&
      (!value_->is_number_unsigned() || value_->get<std::uint64_t>() <= std::uint64_t{INT64_MAX});
  const std::int64_t number = fits ? value_->get<std::int64_t>() : 0;
  if (!fits || number < range.min || number > range.max)
    fail_expected(described("a whole number", range, kAnyInteger));
  return number;
}

double JsonReader::number(Range<double> range) const {
  const double number = value_->is_number() ? value_->get<double>() : 0.0;
  // The comparison is false for NaN, which is therefore refused.
  if (!value_->is_number() || !(number >= range.min && number <= range.max))
    fail_expected(described("a number", range, kAnyNumber));
  return number;
}

char32_t JsonReader::character() const {
  const Utf8Unit unit = read_utf8(string());
  // More than one character, or bytes that are not UTF-8.
  if (!unit.valid || unit.length != string().size()) fail_expected("one character");
  return unit.character;
}

std::vector<std::string> JsonReader::strings() const {
  return each(*this, [](const JsonReader& item) { return item.string(); });
}

std::vector<std::int64_t> JsonReader::integers(Range<std::int64_t> range) const {
  return each(*this, [&](const JsonReader& item) { return item.integer(range); });
}

std::vector<double> JsonReader::numbers(Range<double> range) const {
  return each(*this, [&](const JsonReader& item) { return item.number(range); });
}

bool JsonReader::boolean_or(std::string_view key, bool otherwise) const {
  const auto field = find(key);
  return field ? field->boolean() : otherwise;
}

}  // namespace lensbench
