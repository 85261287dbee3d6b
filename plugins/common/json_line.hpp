#pragma once

#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace lensbench::tracing {

/// JSON object of a line of a JSONL file. The parser also checks that texts are UTF-8.
/// \param where     file and number of the line, for the message
/// \param expected  what the line should be: `a JSON object with the field …`
/// \throws InputError for anything else
inline nlohmann::json object_of_line(const std::string& line, const std::string& where,
                                     const std::string& expected) {
  try {
    nlohmann::json object = nlohmann::json::parse(line);
    if (object.is_object()) return object;
  } catch (const nlohmann::json::parse_error& error) {
    const std::string text = error.what();
    if (text.find("UTF-8") != std::string::npos)
      throw InputError(where + ": the line is not UTF-8; convert the file to UTF-8");
    throw InputError(where + ": the line is not JSON (" + text.substr(text.find(']') + 2) +
                     "), expected " + expected);
  }
  throw InputError(where + ": expected " + expected);
}

}  // namespace lensbench::tracing
