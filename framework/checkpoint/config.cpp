#include "checkpoint/config.hpp"

#include <lensbench/error.hpp>
#include <sstream>

#include "core/text/printable.hpp"

namespace lensbench {

using nlohmann::json;

namespace {

template <class T>
std::string describe(const char* kind, Range<T> range) {
  std::ostringstream out;
  out << kind << " from " << range.min << " to " << range.max;
  return out.str();
}

std::string mismatch(const json& found, const std::string& expected) {
  return "is " + printable(found.dump()) + "; expected " + expected;
}

}  // namespace

ConfigReader::ConfigReader(const json& object, std::filesystem::path file, std::string prefix)
    : object_(&object), file_(std::move(file)), prefix_(std::move(prefix)) {
  if (!object.is_object())
    throw InputError(file_.string() + ": " + prefix_ + " holds " + object.type_name() +
                     "; expected an object");
}

void ConfigReader::fail(std::string_view field, const std::string& fault) const {
  throw InputError(file_.string() + ": " + prefix_ + std::string(field) + " " + fault);
}

bool ConfigReader::is_null(std::string_view field) const {
  const auto found = object_->find(field);
  return found != object_->end() && found->is_null();
}

const json* ConfigReader::find(std::string_view field) const {
  const auto found = object_->find(field);
  return found == object_->end() || found->is_null() ? nullptr : &*found;
}

const json& ConfigReader::require(std::string_view field, const char* expected) const {
  const json* value = find(field);
  if (value == nullptr) fail(field, std::string("is missing; expected ") + expected);
  return *value;
}

std::int64_t ConfigReader::as_integer(std::string_view field, const json& value,
                                      Range<std::int64_t> range) const {
  const bool whole = value.is_number_integer();
  // An unsigned number beyond int64 would wrap when read as signed.
  const bool fits = whole && (!value.is_number_unsigned() ||
                              value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX));
  const std::int64_t number = fits ? value.get<std::int64_t>() : 0;
  if (!fits || number < range.min || number > range.max)
    fail(field, mismatch(value, describe("a whole number", range)));
  return number;
}

double ConfigReader::as_number(std::string_view field, const json& value,
                               Range<double> range) const {
  const double number = value.is_number() ? value.get<double>() : 0.0;
  if (!value.is_number() || !(number >= range.min && number <= range.max))
    fail(field, mismatch(value, describe("a number", range)));
  return number;
}

std::int64_t ConfigReader::integer(std::string_view field, Range<std::int64_t> range) const {
  return as_integer(field, require(field, "a whole number"), range);
}

std::int64_t ConfigReader::integer_or(std::string_view field, std::int64_t otherwise,
                                      Range<std::int64_t> range) const {
  return optional_integer(field, range).value_or(otherwise);
}

std::optional<std::int64_t> ConfigReader::optional_integer(std::string_view field,
                                                           Range<std::int64_t> range) const {
  const json* value = find(field);
  return value ? std::optional(as_integer(field, *value, range)) : std::nullopt;
}

double ConfigReader::number(std::string_view field, Range<double> range) const {
  return as_number(field, require(field, "a number"), range);
}

double ConfigReader::number_or(std::string_view field, double otherwise,
                               Range<double> range) const {
  return optional_number(field, range).value_or(otherwise);
}

std::optional<double> ConfigReader::optional_number(std::string_view field,
                                                    Range<double> range) const {
  const json* value = find(field);
  return value ? std::optional(as_number(field, *value, range)) : std::nullopt;
}

bool ConfigReader::boolean(std::string_view field) const {
  const json& value = require(field, "true or false");
  if (!value.is_boolean()) fail(field, mismatch(value, "true or false"));
  return value.get<bool>();
}

bool ConfigReader::boolean_or(std::string_view field, bool otherwise) const {
  return has(field) ? boolean(field) : otherwise;
}

std::string ConfigReader::string(std::string_view field) const {
  const json& value = require(field, "a string");
  if (!value.is_string()) fail(field, mismatch(value, "a string"));
  return value.get<std::string>();
}

std::string ConfigReader::string_or(std::string_view field, std::string_view otherwise) const {
  return has(field) ? string(field) : std::string(otherwise);
}

std::vector<double> ConfigReader::numbers(std::string_view field, Range<double> range) const {
  std::vector<double> out;
  const json* list = find(field);
  if (list == nullptr) return out;
  if (!list->is_array()) fail(field, mismatch(*list, "a list of numbers"));
  for (const auto& value : *list) out.push_back(as_number(field, value, range));
  return out;
}

std::vector<std::int64_t> ConfigReader::integers(std::string_view field,
                                                 Range<std::int64_t> range) const {
  const json* list = find(field);
  if (list != nullptr && !list->is_array()) fail(field, mismatch(*list, "a list of whole numbers"));
  return integer_or_integers(field, range);
}

std::vector<std::int64_t> ConfigReader::integer_or_integers(std::string_view field,
                                                            Range<std::int64_t> range) const {
  std::vector<std::int64_t> out;
  const json* found = find(field);
  if (found == nullptr) return out;
  if (!found->is_array()) return {as_integer(field, *found, range)};
  for (const auto& value : *found) out.push_back(as_integer(field, value, range));
  return out;
}

std::vector<std::string> ConfigReader::strings(std::string_view field) const {
  std::vector<std::string> out;
  const json* list = find(field);
  if (list == nullptr) return out;
  if (!list->is_array()) fail(field, mismatch(*list, "a list of strings"));
  for (const auto& value : *list) {
    if (!value.is_string()) fail(field, mismatch(value, "a string"));
    out.push_back(value.get<std::string>());
  }
  return out;
}

std::optional<ConfigReader> ConfigReader::object(std::string_view field) const {
  const json* value = find(field);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) fail(field, mismatch(*value, "an object"));
  return ConfigReader(*value, file_, prefix_ + std::string(field) + ".");
}

void ConfigReader::require_absent_or(std::string_view field, const json& supported) const {
  const json* value = find(field);
  if (value != nullptr && *value != supported)
    fail(field, mismatch(*value, supported.dump() + ", the only one this model family supports"));
}

}  // namespace lensbench
