#include "cli/commands/given_cases.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <lensbench/error.hpp>
#include <set>
#include <sstream>

#include "session/prompts.hpp"

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

}  // namespace

/// Texts, then ids, then the file: the order of the options on the command line does not matter, so
/// that ids of cases do not depend on it.
std::vector<CaseInput> read_cases(const std::vector<std::string>& prompts,
                                  const std::vector<std::string>& ids, const std::string& file) {
  std::vector<CaseInput> cases;
  for (const auto& prompt : prompts) {
    if (prompt.empty()) throw UsageError("--prompt is empty; give a text, or --ids");
    cases.push_back({"prompt-" + std::to_string(cases.size() + 1), prompt, {}, {}});
  }
  for (std::size_t i = 0; i < ids.size(); ++i)
    cases.push_back({"ids-" + std::to_string(i + 1), {}, parse_ids(ids[i]), {}});
  if (!file.empty())
    for (auto& input : read_prompt_file(file)) cases.push_back(std::move(input));
  // Results are saved under the id of their case.
  std::set<std::string> seen;
  for (const auto& input : cases)
    if (!seen.insert(input.id).second)
      throw UsageError("two cases have the id '" + input.id + "'; ids must differ");
  return cases;
}

std::vector<CaseInput> required_cases(std::vector<CaseInput> given, bool reads_prompts) {
  if (!given.empty()) return given;
  if (reads_prompts)
    throw UsageError("prompts are missing; give --prompt TEXT, --prompts FILE or --ids \"1 2 3\"");
  return {case_without_prompt()};
}

}  // namespace lensbench::cli
