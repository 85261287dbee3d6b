#include "session/prompts.hpp"

#include <fstream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "core/text/json.hpp"
#include "core/text/utf8.hpp"

namespace lensbench {
namespace {

std::string as_text(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

CaseInput parse_json_case(const std::string& line, const std::string& where) {
  const auto object = parse_json(line, where);
  if (!object.is_object()) throw InputError(where + ": expected one JSON object on each line");
  CaseInput input;
  for (const auto& [key, value] : object.items()) {
    if (key == "text" || key == "prompt") {
      if (!value.is_string()) throw InputError(where + ": '" + key + "' is not a string");
      if (!input.text.empty()) throw InputError(where + ": has both 'text' and 'prompt'");
      input.text = value.get<std::string>();
    } else if (key == "ids") {
      if (!value.is_array()) throw InputError(where + ": 'ids' is not an array of numbers");
      for (const auto& id : value) {
        if (!id.is_number_integer())
          throw InputError(where + ": 'ids' holds " + id.dump() + "; expected integers");
        input.ids.push_back(id.get<std::int64_t>());
      }
    } else if (key == "id") {
      input.id = as_text(value);
    } else {
      input.fields[key] = as_text(value);
    }
  }
  if (input.text.empty() == input.ids.empty())
    throw InputError(where + ": needs either 'text' or 'ids'");
  return input;
}

/// Refuses files of other formats, which would silently become prompts line by line.
void check_format(const std::filesystem::path& path) {
  const auto extension = path.extension();
  if (extension == ".json")
    throw InputError(path.string() +
                     ": a JSON file would be read as lines of text; write one JSON object on each "
                     "line of a .jsonl file (of an array: jq -c '.[]' FILE.json > FILE.jsonl)");
  if (extension == ".csv" || extension == ".tsv")
    throw InputError(path.string() +
                     ": a table would be read as lines of text; write one prompt on each line of a "
                     ".txt file, or {\"text\": …} on each line of a .jsonl file");
}

/// Refuses bytes that would become other tokens than the text they were meant to be.
void check_encoding(std::string_view line, std::int64_t number, const std::string& where) {
  if (number == 1 && line.starts_with("\xef\xbb\xbf"))
    throw InputError(where +
                     ": starts with a byte order mark, which would become tokens of the prompt; "
                     "remove it (sed -i '1s/^\\xef\\xbb\\xbf//' FILE)");
  const bool marked = line.starts_with("\xff\xfe") || line.starts_with("\xfe\xff");
  if ((number == 1 && marked) || line.find('\0') != std::string_view::npos)
    throw InputError(
        where +
        ": is UTF-16 or binary (found a UTF-16 byte order mark or a NUL byte, expected "
        "UTF-8 text); convert it (iconv -f UTF-16 -t UTF-8 FILE > NEW)");
  const std::size_t valid = valid_utf8_prefix(line);
  if (valid != line.size())
    throw InputError(where + ": byte " + std::to_string(valid + 1) +
                     " of the line is not UTF-8; convert the file (from Latin-1: iconv -f LATIN1 "
                     "-t UTF-8 FILE > NEW)");
}

}  // namespace

std::vector<CaseInput> read_prompt_file(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto kind = std::filesystem::status(path, ignored).type();
  if (kind == std::filesystem::file_type::fifo || kind == std::filesystem::file_type::character)
    throw InputError(path.string() +
                     ": a pipe or device can be read only once; save the prompts to a file, whose "
                     "SHA-256 the archive records");
  std::ifstream file(path, std::ios::binary);
  if (!file || kind == std::filesystem::file_type::directory)
    throw InputError(path.string() + ": the prompts file cannot be read");
  check_format(path);
  const bool json_lines = path.extension() == ".jsonl";
  std::vector<CaseInput> cases;
  std::string line;
  for (std::int64_t number = 1; std::getline(file, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    const std::string where = path.string() + ":" + std::to_string(number);
    check_encoding(line, number, where);
    CaseInput input = json_lines ? parse_json_case(line, where) : CaseInput{{}, line, {}, {}};
    if (input.id.empty()) input.id = "line-" + std::to_string(number);
    cases.push_back(std::move(input));
  }
  if (cases.empty())
    throw InputError(path.string() + ": the file lacks prompts; write one on each line");
  return cases;
}

}  // namespace lensbench
