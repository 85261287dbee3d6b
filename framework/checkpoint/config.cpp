#include "checkpoint/config.hpp"

// Fields of config.json. A null field counts as absent, because transformers writes null for
// settings that have their default.

namespace lensbench {

ConfigReader::ConfigReader(JsonReader object) : object_(std::move(object)) {
  if (!object_.value().is_object()) object_.fail_expected("an object");
}

/// For the few fields in which null and absence have different meanings.
bool ConfigReader::is_null(std::string_view field) const {
  const auto found = object_.value().find(field);
  return found != object_.value().end() && found->is_null();
}

const nlohmann::json* ConfigReader::raw(std::string_view field) const {
  const auto found = object_.value().find(field);
  return found == object_.value().end() || found->is_null() ? nullptr : &*found;
}

std::vector<double> ConfigReader::numbers(std::string_view field, Range<double> range) const {
  return has(field) ? object_.at(field).numbers(range) : std::vector<double>{};
}

std::vector<std::string> ConfigReader::strings(std::string_view field) const {
  return has(field) ? object_.at(field).strings() : std::vector<std::string>{};
}

/// Some fields are a number in one model and a list in another, such as eos_token_id.
std::vector<std::int64_t> ConfigReader::integer_or_integers(std::string_view field,
                                                            Range<std::int64_t> range) const {
  const auto found = object_.find(field);
  if (!found) return {};
  if (found->value().is_array()) return found->integers(range);
  return {found->integer(range)};
}

std::optional<ConfigReader> ConfigReader::object(std::string_view field) const {
  const auto found = object_.find(field);
  return found ? std::optional(ConfigReader(*found)) : std::nullopt;
}

/// Refuses a setting that would change the computation and is not supported. It must not be
/// ignored: the results would be those of another model.
void ConfigReader::require_absent_or(std::string_view field,
                                     const nlohmann::json& supported) const {
  const auto found = object_.find(field);
  if (found && found->value() != supported)
    found->fail_expected(supported.dump() + ", the only value this model family supports");
}

}  // namespace lensbench
