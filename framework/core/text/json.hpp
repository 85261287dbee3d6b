#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace lensbench {

struct JsonLimits {
  std::size_t max_bytes = 1 << 20;
  int max_depth = 64;
};

/// Parses strict JSON: valid UTF-8, one value, no duplicate keys, limited size and depth.
/// \param subject  named in messages: a file path
/// \throws InputError
nlohmann::json parse_json(std::string_view text, const std::string& subject,
                          const JsonLimits& limits = {});

/// \throws InputError also when the file cannot be read
nlohmann::json read_json(const std::filesystem::path& path, const JsonLimits& limits = {});

/// Canonical form for hashing: keys sorted, no spaces, shortest round-trip numbers.
/// \throws UsageError if a string is not valid UTF-8 or a number is not finite
std::string canonical_json(const nlohmann::json& value);

}  // namespace lensbench
