#include "core/text/json_field.hpp"

#include <lensbench/error.hpp>

#include "checkpoint/tokenizer/text/utf8.hpp"

namespace lensbench {

void JsonField::fail(const std::string& message) const {
  throw InputError(*file_ + ": " + (path_.empty() ? "" : "field " + path_ + ": ") + message);
}

std::optional<JsonField> JsonField::find(const char* key) const {
  if (!value_->is_object()) fail("expected an object, found " + std::string(value_->type_name()));
  const auto found = value_->find(key);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return JsonField(*found, *file_, path_.empty() ? key : path_ + "." + key);
}

JsonField JsonField::at(const char* key) const {
  if (auto field = find(key)) return *field;
  fail("'" + std::string(key) + "' is missing");
}

std::size_t JsonField::size() const {
  if (!value_->is_array()) fail("expected an array, found " + std::string(value_->type_name()));
  return value_->size();
}

JsonField JsonField::at(std::size_t index) const {
  return JsonField((*value_)[index], *file_, path_ + "[" + std::to_string(index) + "]");
}

const std::string& JsonField::string() const {
  if (!value_->is_string()) fail("expected a string, found " + std::string(value_->type_name()));
  return value_->get_ref<const std::string&>();
}

bool JsonField::boolean() const {
  if (!value_->is_boolean())
    fail("expected true or false, found " + std::string(value_->type_name()));
  return value_->get<bool>();
}

std::int64_t JsonField::integer(std::int64_t low, std::int64_t high) const {
  if (!value_->is_number_integer()) fail("expected an integer, found " + value_->dump());
  const bool above = value_->is_number_unsigned() &&
                     value_->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  const auto number = above ? INT64_MAX : value_->get<std::int64_t>();
  if (above || number < low || number > high)
    fail(value_->dump() + " is not in the range " + std::to_string(low) + " to " +
         std::to_string(high));
  return number;
}

char32_t JsonField::character() const {
  const Utf8Unit unit = read_utf8(string());
  if (!unit.valid || unit.length != string().size())
    fail("expected one character, found \"" + string() + "\"");
  return unit.character;
}

bool JsonField::boolean_or(const char* key, bool otherwise) const {
  const auto field = find(key);
  return field ? field->boolean() : otherwise;
}

}  // namespace lensbench
