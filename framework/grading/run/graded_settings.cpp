#include "grading/run/graded_settings.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

#include "core/text/suggest.hpp"

namespace lensbench::grading {
namespace {

std::string ids_text(const std::vector<std::int64_t>& ids) {
  std::string text;
  for (const auto id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
  return text;
}

std::string index_text(std::int64_t index) {
  return index < 0 ? "" : std::to_string(index);
}

}  // namespace

Settings parse_settings(const std::string& text, const std::string& subject) {
  Settings settings;
  std::string* last = nullptr;
  for (std::size_t begin = 0; begin <= text.size() && !text.empty();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const auto equals = part.find('=');
    if (equals != std::string::npos && equals > 0)
      *(last = &settings[part.substr(0, equals)]) = part.substr(equals + 1);
    else if (last != nullptr)
      *last += "," + part;
    else
      throw UsageError(subject + ": settings '" + text +
                       "' do not begin with a key; expected KEY=VALUE,...");
    begin = end + 1;
  }
  return settings;
}

std::string field_text(const PromptPair& prompt, const std::string& field) {
  constexpr std::string_view kSources = "sources.";
  if (field == "answer") return index_text(prompt.answer);
  if (field == "foil") return index_text(prompt.foil);
  if (field == "position") return index_text(prompt.position);
  if (field == "ids") return ids_text(prompt.ids);
  if (field == "corrupted_ids") return ids_text(prompt.corrupted_ids);
  if (field.starts_with(kSources)) {
    const auto found = prompt.sources.find(field.substr(kSources.size()));
    return found == prompt.sources.end() ? "" : index_text(found->second);
  }
  throw UsageError(
      "field '" + field + "' of a prompt: is not known" +
      suggest(field, {"answer", "foil", "position", "ids", "corrupted_ids", "sources.answer"}));
}

Settings bound_settings(const std::vector<ParameterInfo>& declared, const PromptPair& prompt,
                        const Settings& settings, const std::map<std::string, std::string>& bind) {
  static const std::map<std::string, std::string> kFields = {{"target", "answer"},
                                                             {"versus", "foil"},
                                                             {"position", "position"},
                                                             {"corrupted_ids", "corrupted_ids"}};
  Settings bound;
  for (const ParameterInfo& parameter : declared)
    if (const auto field = kFields.find(parameter.name); field != kFields.end())
      if (std::string text = field_text(prompt, field->second); !text.empty())
        bound[parameter.name] = std::move(text);
  for (const auto& [name, value] : settings) bound[name] = value;
  for (const auto& [name, field] : bind) bound[name] = field_text(prompt, field);
  return bound;
}

}  // namespace lensbench::grading
