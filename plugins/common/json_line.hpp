#pragma once

#include <cstdint>
#include <fstream>
#include <functional>
#include <lensbench/error.hpp>
#include <lensbench/json_fault.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace lensbench::tracing {

/// Parses JSON whose objects have each key once. The parser itself would keep the last value.
/// \param where  file and number of the line, for the message
/// \throws InputError that names the key; nlohmann::json::parse_error for a text that is not JSON;
///   nlohmann::json::out_of_range for a number that is too large
inline nlohmann::json parse_with_keys_once(const std::string& text, const std::string& where) {
  using nlohmann::json;
  std::vector<std::set<std::string>> known;  // keys of the objects that are open
  return json::parse(text, [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) known.emplace_back();
    if (event == json::parse_event_t::object_end) known.pop_back();
    if (event == json::parse_event_t::key && !known.back().insert(parsed.get<std::string>()).second)
      throw InputError(where + ": the key " + parsed.get<std::string>() +
                       " is given twice; give it once");
    return true;
  });
}

/// JSON object of a line of a JSONL file. The parser also checks that texts are UTF-8.
/// \param where     file and number of the line, for the message
/// \param expected  what the line should be: `a JSON object with the field …`
/// \throws InputError for anything else
inline nlohmann::json object_of_line(const std::string& line, const std::string& where,
                                     const std::string& expected) {
  try {
    nlohmann::json object = parse_with_keys_once(line, where);
    if (object.is_object()) return object;
  } catch (const nlohmann::json::parse_error& error) {
    throw InputError(where + ": the line is not JSON, expected " + expected + ": " +
                     json_fault(line, error.byte, error.what()));
  } catch (const nlohmann::json::out_of_range&) {
    throw InputError(where + ": the line has a number that is too large; write a smaller one");
  }
  throw InputError(where + ": expected " + expected);
}

/// Calls a function with the object of each line of a JSONL file, and with file and number of the
/// line. Lines of blanks are left out.
/// \param subject   what the file is, for messages: `probe: examples`
/// \param expected  what a line should be, as for `object_of_line`
/// \throws InputError for a file that cannot be read or is empty, and as `object_of_line`
inline void for_each_line(
    const std::string& path, const std::string& subject, const std::string& expected,
    const std::function<void(const nlohmann::json& object, const std::string& where)>& take) {
  const std::string name = subject + " '" + path + "'";
  std::ifstream file(path);
  if (!file) throw InputError(name + " cannot be read; check its name");
  std::int64_t number = 0, taken = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (number == 1 && line.starts_with("version https://git-lfs."))
      throw InputError(name +
                       " is a Git LFS pointer, not the file itself; run `git lfs pull` in its "
                       "folder");
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = path + ":" + std::to_string(number);
    take(object_of_line(line, where, expected), where);
    ++taken;
  }
  if (file.bad()) throw InputError(name + " cannot be read; check its name");
  if (taken == 0) throw InputError(name + " is empty; give in each line " + expected);
}

}  // namespace lensbench::tracing
