#include "session/prompts.hpp"

#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/files/text_lines.hpp"
#include "core/text/json.hpp"
#include "session/pictures/picture_fields.hpp"

// Prompts from a file: one text on each line, or one JSON object. The line number is the id of a
// case without one, so that ids remain equal when prompts are appended.

namespace lensbench {
namespace {

/// Value of a field as text; other values keep their JSON form.
std::string as_text(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

/// Fields that lensbench reads as text: a list there would become a text with brackets.
bool is_text_field(const std::string& key) {
  return key == "corrupted" || key == "target" || key == kAnswerPrefixField;
}

/// Pictures of a line: a file name or a list of them, relative to the folder of the file.
std::string images_of(const nlohmann::json& value, const std::filesystem::path& folder,
                      const std::string& where) {
  const auto refuse = [&] {
    throw InputError(where + R"(: 'images' is )" + value.dump() +
                     R"(; expected the name of a file, or names as in ["one.jpg", "two.png"])");
  };
  const nlohmann::json list = value.is_string() ? nlohmann::json::array({value}) : value;
  if (!list.is_array() || list.empty()) refuse();
  std::vector<std::string> files;
  for (const auto& one : list) {
    if (!one.is_string() || one.get_ref<const std::string&>().empty()) refuse();
    files.push_back((folder / one.get<std::string>()).string());
  }
  return images_field(files);
}

/// One case. Fields other than those that lensbench reads are kept for experiments, whatever their
/// names are.
CaseInput parse_json_case(const std::string& line, const std::filesystem::path& folder,
                          const std::string& where) {
  const auto object = parse_json(line, where);
  if (!object.is_object()) throw InputError(where + ": expected one JSON object on each line");
  CaseInput input;
  std::string text_key;
  for (const auto& [key, value] : object.items()) {
    // A field without a value is as good as absent: its text must not become "null".
    if (value.is_null()) continue;
    if (key == "text" || key == "prompt" || key == kRawPromptField) {
      if (!value.is_string()) throw InputError(where + ": '" + key + "' is not a string");
      if (!input.text.empty())
        throw InputError(where + ": has both '" + key + "' and '" + text_key +
                         "'; give one of them");
      text_key = key;
      input.text = value.get<std::string>();
      if (key == kRawPromptField) input.fields[key] = "true";
    } else if (key == kImagesField) {
      input.fields[key] = images_of(value, folder, where);
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
      if (is_text_field(key) && value.is_structured())
        throw InputError(where + ": '" + key + "' is " + value.dump() + "; expected a text" +
                         (key == "corrupted" ? ", or token ids in 'corrupted_ids'" : ""));
      input.fields[key] = as_text(value);
    }
  }
  // Exactly one of both: with two, it would be undefined which one the model gets.
  if (input.text.empty() == input.ids.empty())
    throw InputError(where + ": needs either 'text' or 'ids'");
  return input;
}

}  // namespace

std::vector<CaseInput> read_prompt_file(const std::filesystem::path& path) {
  TextLines lines(path, "prompt");
  std::vector<CaseInput> cases;
  for (std::string line; lines.next(line);) {
    CaseInput input = lines.json() ? parse_json_case(line, path.parent_path(), lines.where())
                                   : CaseInput{{}, std::move(line), {}, {}};
    if (input.id.empty()) input.id = "line-" + std::to_string(lines.number());
    cases.push_back(std::move(input));
  }
  if (cases.empty())
    throw InputError(path.string() + ": the file lacks prompts; write one on each line");
  return cases;
}

CaseInput case_without_prompt() {
  return {"weights", "", {}, {}};
}

}  // namespace lensbench
