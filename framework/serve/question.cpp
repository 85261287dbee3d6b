#include "serve/question.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

#include "core/text/json.hpp"
#include "core/text/json_reader.hpp"
#include "core/text/suggest.hpp"
#include "core/text/utf8.hpp"

namespace lensbench::serve {
namespace {

constexpr const char* kSubject = "question";

void check_fields(const nlohmann::json& body) {
  if (!body.is_object())
    throw InputError("question: expected a JSON object with tool, prompt and parameters");
  static const std::vector<std::string> kKnown = {"tool", "prompt", "parameters"};
  for (const auto& [key, value] : body.items())
    if (std::find(kKnown.begin(), kKnown.end(), key) == kKnown.end())
      throw InputError("question: unknown field '" + key + "'" + suggest(key, kKnown));
}

const PluginInfo& tool_named(const std::string& name, const std::vector<const PluginInfo*>& tools) {
  std::vector<std::string> known;
  known.reserve(tools.size());
  for (const PluginInfo* tool : tools) {
    if (tool->name == name) return *tool;
    known.push_back(tool->name);
  }
  throw UsageError("question: tool '" + name + "' cannot be asked here" + suggest(name, known));
}

void check_parameter(const PluginInfo& tool, const std::string& name) {
  std::vector<std::string> known;
  known.reserve(tool.parameters.size());
  for (const ParameterInfo& parameter : tool.parameters) {
    if (parameter.name == name && can_be_set(parameter)) return;
    if (parameter.name == name)
      throw UsageError("tool '" + tool.name + "': parameter '" + name +
                       "' names a file or a model, which a page cannot set; use lensbench tool");
    known.push_back(parameter.name);
  }
  throw UsageError("tool '" + tool.name + "': unknown parameter '" + name + "'" +
                   suggest(name, known));
}

}  // namespace

bool can_be_set(const ParameterInfo& parameter) {
  return parameter.type != ParameterType::file && parameter.type != ParameterType::model &&
         parameter.type != ParameterType::models;
}

Question read_question(std::string_view body, const std::vector<const PluginInfo*>& tools) {
  constexpr JsonLimits kLimits = {.max_bytes = std::size_t{1} << 20, .max_depth = 4};
  const nlohmann::json json = parse_json(body, kSubject, kLimits);
  check_fields(json);
  const JsonReader fields(json, kSubject);
  Question question{fields.at("tool").string(), fields.at("prompt").string(), {}};
  if (question.prompt.empty()) throw UsageError("prompt: it is empty; type a text");
  if (!is_storable_text(question.prompt))
    throw UsageError("prompt: it has the character NUL, which an archive cannot store; remove it");
  const PluginInfo& tool = tool_named(question.tool, tools);
  const auto parameters = fields.find("parameters");
  if (!parameters) return question;
  if (!parameters->value().is_object()) parameters->fail_expected("an object");
  for (const auto& [name, value] : parameters->value().items()) {
    check_parameter(tool, name);
    question.parameters[name] = parameters->at(name).string();
  }
  return question;
}

}  // namespace lensbench::serve
