#include "cli/commands/given_cases.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <lensbench/error.hpp>
#include <set>
#include <sstream>

#include "session/pictures/picture_fields.hpp"
#include "session/pictures/picture_folder.hpp"
#include "session/prompts.hpp"
#include "session/recipe.hpp"

namespace lensbench::cli {
namespace {

std::int64_t parse_id(const std::string& word, const std::string& text) {
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
  if (error != std::errc() || end != word.data() + word.size())
    throw UsageError("--ids '" + text + "': '" + word +
                     "' is not a token id; give numbers separated by spaces or commas, as in --ids "
                     "\"1 2 3\"");
  return id;
}

/// Ids between blanks, commas or both. An empty item between two commas is an error, since a lost
/// id would shift all positions after it.
std::vector<std::int64_t> parse_ids(const std::string& text) {
  std::vector<std::int64_t> ids;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (word.size() > 1 && word.back() == ',') word.pop_back();
    for (std::size_t begin = 0; begin <= word.size();) {
      const std::size_t comma = std::min(word.find(',', begin), word.size());
      ids.push_back(parse_id(word.substr(begin, comma - begin), text));
      begin = comma + 1;
    }
  }
  if (ids.empty()) throw UsageError("--ids is empty; give numbers, as in --ids \"1 2 3\"");
  return ids;
}

CaseInput raw_case(std::string id, const std::string& text) {
  if (text.empty()) throw UsageError("--raw-prompt is empty; give the text as the model reads it");
  return {std::move(id), text, {}, {{kRawPromptField, "true"}}};
}

/// Gives a case the pictures of the command line. Ids cannot have pictures.
void add_pictures(CaseInput& input, const PictureArguments& pictures) {
  if (input.text.empty() && !pictures.images.empty())
    throw UsageError("case '" + input.id + "': --image gives a picture to a text, but this case " +
                     "has ids; leave out one of them");
  if (!pictures.images.empty()) input.fields.emplace(kImagesField, images_field(pictures.images));
  if (!pictures.answer_prefix) return;
  const bool has_pictures = input.fields.contains(kImagesField);
  if (!has_pictures || input.fields.contains(kRawPromptField))
    throw UsageError("case '" + input.id + "': --answer-prefix begins the answer to a --prompt " +
                     "with pictures; write it at the end of the text instead");
  input.fields.emplace(kAnswerPrefixField, *pictures.answer_prefix);
}

/// The one prompt of all pictures of a folder.
CaseInput prompt_of_folder(const std::vector<std::string>& prompts,
                           const std::vector<std::string>& ids, const std::string& file,
                           const PictureArguments& pictures) {
  if (!pictures.images.empty() || !ids.empty() || !file.empty() ||
      prompts.size() + pictures.raw_prompts.size() != 1)
    throw UsageError(
        "--images FOLDER makes a case of each picture and needs one --prompt or --raw-prompt for "
        "all of them, without --image, --ids and --prompts");
  PictureArguments of_one = pictures;
  of_one.answer_prefix.reset();
  CaseInput prompt = read_cases(prompts, {}, "", of_one).front();
  if (pictures.answer_prefix) {
    if (prompt.fields.contains(kRawPromptField))
      throw UsageError(
          "--answer-prefix begins the answer to a --prompt; write it at the end of --raw-prompt");
    prompt.fields.emplace(kAnswerPrefixField, *pictures.answer_prefix);
  }
  return prompt;
}

}  // namespace

/// Texts, then ids, then the file: the order of the options on the command line does not matter, so
/// that ids of cases do not depend on it.
std::vector<CaseInput> read_cases(const std::vector<std::string>& prompts,
                                  const std::vector<std::string>& ids, const std::string& file,
                                  const PictureArguments& pictures) {
  std::vector<CaseInput> cases;
  for (const auto& prompt : prompts) {
    if (prompt.empty()) throw UsageError("--prompt is empty; give a text, or --ids");
    cases.push_back({"prompt-" + std::to_string(cases.size() + 1), prompt, {}, {}});
  }
  for (std::size_t i = 0; i < pictures.raw_prompts.size(); ++i)
    cases.push_back(raw_case("raw-prompt-" + std::to_string(i + 1), pictures.raw_prompts[i]));
  for (std::size_t i = 0; i < ids.size(); ++i)
    cases.push_back({"ids-" + std::to_string(i + 1), {}, parse_ids(ids[i]), {}});
  if (!file.empty())
    for (auto& input : read_prompt_file(file)) cases.push_back(std::move(input));
  if (cases.empty() && !pictures.images.empty())
    throw UsageError("--image needs a text; give it with --prompt TEXT, --raw-prompt or --prompts");
  for (CaseInput& input : cases) add_pictures(input, pictures);
  // Results are saved under the id of their case.
  std::set<std::string> seen;
  for (const auto& input : cases)
    if (!seen.insert(input.id).second)
      throw UsageError("two cases have the id '" + input.id + "'; ids must differ");
  return cases;
}

GivenCases given_cases(const std::vector<std::string>& prompts, const std::vector<std::string>& ids,
                       const std::string& file, const PictureArguments& pictures) {
  GivenCases given;
  if (!pictures.folder.empty()) {
    const CaseInput prompt = prompt_of_folder(prompts, ids, file, pictures);
    PictureFolder folder = read_picture_folder(pictures.folder);
    given.cases = cases_of_folder(folder, prompt);
    if (!folder.labels.empty()) given.inputs.push_back(prompts_record(folder.labels));
    given.left_out = std::move(folder.left_out);
    return given;
  }
  given.cases = read_cases(prompts, ids, file, pictures);
  if (!file.empty()) given.inputs.push_back(prompts_record(file));
  return given;
}

std::string note_on_left_out(const GivenCases& given) {
  if (given.left_out.empty()) return "";
  const std::size_t count = given.left_out.size();
  return "left out of the folder of pictures, since the name is not that of a picture: '" +
         given.left_out.front() + "'" +
         (count > 1 ? " and " + std::to_string(count - 1) + " more" : "");
}

std::vector<CaseInput> required_cases(std::vector<CaseInput> given, bool reads_prompts) {
  if (!given.empty()) return given;
  if (reads_prompts)
    throw UsageError("prompts are missing; give --prompt TEXT, --prompts FILE or --ids \"1 2 3\"");
  return {case_without_prompt()};
}

}  // namespace lensbench::cli
