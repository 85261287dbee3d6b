#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <string>

// Tables of the variables of a tool in docs/tools, made from the schema that the tool declares.

namespace lensbench::testing {

inline std::string table_cell(const std::string& text) {
  return std::regex_replace(text, std::regex(R"(\|)"), "\\|");
}

inline std::string dims_cell(const std::string& dims) {
  if (dims.empty()) return "none";
  if (dims == "*") return "those of the hook point";
  return std::regex_replace(dims, std::regex(" "), ", ");
}

/// Table of the results of a tool from `lensbench list tools --json`.
inline std::string result_table(const nlohmann::json& tool) {
  std::string table =
      "| variable | dimensions | unit | meaning | view |\n"
      "|---|---|---|---|---|\n";
  for (const auto& result : tool["results"]) {
    const std::string name = result["name"], dims = result["dims"], units = result["units"],
                      meaning = result["meaning"], view = result["view"];
    table += "| `" + name + "`" + (result["always"] ? "" : " (optional)") + " | " +
             dims_cell(dims) + " | " + units + " | " + table_cell(meaning) + " | " + view + " |\n";
  }
  return table;
}

/// A document with another table between its marks `<!-- results of TOOL -->` and
/// `<!-- end of results -->`; empty if it does not have them.
inline std::optional<std::string> with_result_table(const std::string& document,
                                                    const nlohmann::json& tool) {
  const std::string begin = "<!-- results of " + tool["name"].get<std::string>() + " -->\n";
  const std::string end = "<!-- end of results -->";
  const auto first = document.find(begin);
  if (first == std::string::npos) return std::nullopt;
  const auto last = document.find(end, first);
  if (last == std::string::npos) return std::nullopt;
  return document.substr(0, first + begin.size()) + "\n" + result_table(tool) + "\n" +
         document.substr(last);
}

}  // namespace lensbench::testing
