#include "core/json.hpp"

#include <cmath>
#include <fstream>
#include <lensbench/error.hpp>
#include <set>
#include <sstream>
#include <vector>

namespace lensbench {
namespace {

/// A dump would write `null` for NaN and the infinities, silently.
void require_finite(const nlohmann::json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>()))
    throw UsageError("a number that is not finite cannot be written as JSON");
  if (value.is_structured())
    for (const auto& item : value) require_finite(item);
}

}  // namespace

nlohmann::json parse_json(std::string_view text, const std::string& subject,
                          const JsonLimits& limits) {
  if (text.size() > limits.max_bytes)
    throw InputError(subject + ": " + std::to_string(text.size()) +
                     " bytes of JSON, more than the " + std::to_string(limits.max_bytes) +
                     " that are allowed here");
  // The parser would skip a byte order mark, and take a NUL byte for the end of the text.
  if (text.starts_with("\xef\xbb\xbf") || text.find('\0') != std::string_view::npos)
    throw InputError(subject +
                     ": not valid JSON: begins with a byte order mark or holds a NUL byte");
  using nlohmann::json;
  std::vector<std::set<std::string>> keys;
  const json::parser_callback_t check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > limits.max_depth)
      throw InputError(subject + ": JSON nested deeper than " + std::to_string(limits.max_depth) +
                       " levels");
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key &&
        !keys.back().insert(parsed.get_ref<const std::string&>()).second)
      throw InputError(subject + ": duplicate JSON key \"" + parsed.get<std::string>() + "\"");
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), check);
  } catch (const json::exception& error) {
    throw InputError(subject + ": not valid JSON: " + error.what());
  }
}

nlohmann::json read_json(const std::filesystem::path& path, const JsonLimits& limits) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    throw InputError(path.string() + ": no such file");
  const auto bytes = std::filesystem::file_size(path, error);
  if (!error && bytes > limits.max_bytes)
    throw InputError(path.string() + ": " + std::to_string(bytes) + " bytes, more than the " +
                     std::to_string(limits.max_bytes) + " that are allowed for this file");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw InputError(path.string() + ": cannot be read");
  return parse_json(text.str(), path.string(), limits);
}

std::string canonical_json(const nlohmann::json& value) {
  require_finite(value);
  try {
    // nlohmann::json keeps object keys in a std::map, so the dump is sorted already.
    return value.dump();
  } catch (const nlohmann::json::exception& error) {
    throw UsageError(std::string("a value cannot be written as JSON: ") + error.what());
  }
}

}  // namespace lensbench
