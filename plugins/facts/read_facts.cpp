#include "read_facts.hpp"

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "common/json_line.hpp"

namespace lensbench::facts {
namespace {

using nlohmann::json;

constexpr std::array kFields = {"subject",    "relation", "object", "templates",
                                "candidates", "neutral",  "inverse"};
constexpr const char* kExpected =
    "a JSON object with the fields subject, relation and object (and, if needed, templates, "
    "candidates, neutral, inverse)";

/// One line of a file. Every fault becomes an InputError with file, line and field.
class FactLine {
 public:
  FactLine(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    for (const auto& [name, value] : object_.items())
      if (std::find(kFields.begin(), kFields.end(), name) == kFields.end())
        fail("unknown field " + name + ", expected " + kExpected +
             "; correct its name, or leave it out");
  }

  NamedFact fact() const {
    NamedFact named{{}, where_, true};
    named.fact.subject = text("subject");
    named.fact.relation = text("relation");
    named.fact.object = text("object");
    if (object_.contains("inverse")) named.fact.inverse = text("inverse");
    named.fact.templates = list("templates");
    named.fact.candidates = list("candidates");
    named.fact.neutral = list("neutral");
    return named;
  }

 private:
  [[noreturn]] void fail(const std::string& fault) const {
    throw InputError(where_ + ": " + fault);
  }

  std::string checked(const json& value, const std::string& name) const {
    if (!value.is_string())
      fail("field " + name + " is not a text; put it between quotation marks");
    std::string text = value.get<std::string>();
    if (text.find_first_not_of(" \t\r\n") == std::string::npos)
      fail("field " + name + " is empty; give a text");
    if (text.find('\0') != std::string::npos)
      fail("field " + name + " contains the character NUL; leave it out");
    return text;
  }

  std::string text(const std::string& name) const {
    const auto found = object_.find(name);
    if (found == object_.end()) fail("field " + name + " is missing, expected " + kExpected);
    return checked(*found, name);
  }

  /// One text, or a list of them; empty if the field is missing.
  std::vector<std::string> list(const std::string& name) const {
    const auto found = object_.find(name);
    if (found == object_.end()) return {};
    if (!found->is_array()) return {checked(*found, name)};
    if (found->empty()) fail("field " + name + " is an empty list; give a text, or leave it out");
    std::vector<std::string> texts;
    for (const json& value : *found) texts.push_back(checked(value, name));
    return texts;
  }

  const json& object_;
  std::string where_;
};

}  // namespace

void NamedFact::refuse(const std::string& message) const {
  if (of_file) throw InputError(where + ": " + message);
  throw UsageError(where + ": " + message);
}

std::vector<NamedFact> facts_of_file(const std::string& path) {
  std::vector<NamedFact> facts;
  tracing::for_each_line(path, "facts: file", kExpected,
                         [&](const json& object, const std::string& where) {
                           facts.push_back(FactLine(object, where).fact());
                         });
  return facts;
}

std::vector<NamedFact> facts_of(const Parameters& parameters) {
  const std::string& file = parameters.text("facts");
  const std::string& subject = parameters.text("subject");
  const std::string& object = parameters.text("object");
  if (file.empty() == (subject.empty() && object.empty()))
    throw UsageError(std::string("facts: ") +
                     (file.empty() ? "a fact is missing" : "a file and a fact are both given") +
                     "; give either facts (a JSONL file), or subject and object");
  if (!file.empty()) {
    for (const char* name : {"candidates", "neutral"})
      if (!parameters.list(name).empty())
        throw UsageError(std::string("facts: ") + name +
                         " is set, but only subject uses it; give it as a field of the lines of '" +
                         file + "'");
    return facts_of_file(file);
  }
  if (subject.empty() || object.empty())
    throw UsageError(std::string("facts: ") + (subject.empty() ? "subject" : "object") +
                     " is missing; give both subject and object");
  const std::string& prompt = parameters.text("template");
  return {{Fact{.subject = subject,
                .relation = prompt,
                .object = object,
                .templates = {prompt},
                .candidates = parameters.list("candidates"),
                .neutral = parameters.list("neutral")},
           "facts", false}};
}

std::vector<NamedFact> named(const std::vector<Fact>& facts) {
  std::vector<NamedFact> all;
  all.reserve(facts.size());
  for (std::size_t i = 0; i < facts.size(); ++i)
    all.push_back({facts[i], "facts: fact " + std::to_string(i + 1), false});
  return all;
}

}  // namespace lensbench::facts
