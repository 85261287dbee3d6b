#pragma once

#include <string>
#include <vector>

namespace lensbench::testing {

/// Fields of a line of CSV (RFC 4180) without line breaks in fields.
inline std::vector<std::string> csv_fields(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (const char c : line) {
    if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      fields.emplace_back();
    else if (c != '\r')
      fields.back() += c;
  }
  return fields;
}

}  // namespace lensbench::testing
