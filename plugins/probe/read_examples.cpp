#include "read_examples.hpp"

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/json_line.hpp"
#include "common/prompt_field.hpp"

namespace lensbench::probing {
namespace {

using nlohmann::json;

constexpr std::array kFields = {"text", "ids", "label", "group", "position", "pair"};
constexpr const char* kExpected =
    "a JSON object with the fields label and either text or ids (and, if needed, group, position, "
    "pair)";

/// One line of a file. Every fault becomes an InputError with file, line and field.
class ExampleLine {
 public:
  ExampleLine(const Model& model, const json& object, std::string where)
      : model_(model), object_(object), where_(std::move(where)) {
    for (const auto& [name, value] : object_.items())
      if (std::find(kFields.begin(), kFields.end(), name) == kFields.end())
        fail("unknown field " + name + ", expected " + kExpected +
             "; correct its name, or leave it out");
  }

  ProbeExample example() const {
    ProbeExample example;
    try {
      example.tokens = tokens();
    } catch (const UsageError& error) {
      throw InputError(where_ + ": " + error.what());
    }
    if (!object_.contains("label"))
      fail(std::string("field label is missing, expected ") + kExpected);
    example.label = name("label");
    if (object_.contains("group")) example.group = name("group");
    if (object_.contains("pair")) example.pair = name("pair");
    if (object_.contains("position")) {
      const json& position = object_["position"];
      if (!position.is_number_integer())
        fail("field position is not a whole number; give the position of a token");
      example.position = position.get<std::int64_t>();
    }
    return example;
  }

 private:
  [[noreturn]] void fail(const std::string& fault) const {
    throw InputError(where_ + ": " + fault);
  }

  Tokens tokens() const {
    const auto text = object_.find("text"), ids = object_.find("ids");
    if ((text != object_.end()) == (ids != object_.end()))
      fail("expected exactly one of the fields text and ids");
    if (ids != object_.end())
      return tokens_from_ids(model_, tracing::ids_of_value(*ids, "ids", where_));
    if (!text->is_string()) fail("field text is not a text; put it between quotation marks");
    if (text->get_ref<const std::string&>().empty())
      fail("field text is empty; give at least one token");
    return to_tokens(model_, text->get_ref<const std::string&>());
  }

  /// A text, a whole number, or true or false, as text.
  std::string name(const char* field) const {
    const json& value = object_[field];
    if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
    if (value.is_number_integer()) return value.dump();
    if (!value.is_string())
      fail(std::string("field ") + field + ": expected a text, a whole number, true or false");
    const auto& text = value.get_ref<const std::string&>();
    if (text.find_first_not_of(" \t\r\n") == std::string::npos)
      fail(std::string("field ") + field + " is empty; give a name");
    if (text.find('\0') != std::string::npos)
      fail(std::string("field ") + field + " contains the character NUL; leave it out");
    return text;
  }

  const Model& model_;
  const json& object_;
  std::string where_;
};

}  // namespace

std::vector<ProbeExample> read_examples(const Model& model, const std::string& path) {
  std::vector<ProbeExample> examples;
  tracing::for_each_line(path, "probe: examples", kExpected,
                         [&](const json& object, const std::string& where) {
                           examples.push_back(ExampleLine(model, object, where).example());
                         });
  return examples;
}

}  // namespace lensbench::probing
