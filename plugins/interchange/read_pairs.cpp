#include "read_pairs.hpp"

#include <algorithm>
#include <array>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/json_line.hpp"
#include "common/prompt_field.hpp"

namespace lensbench::interchange {
namespace {

using nlohmann::json;

constexpr std::array kFields = {"base",     "base_ids", "source", "source_ids",
                                "expected", "value",    "part"};
constexpr const char* kExpected =
    "a JSON object with the fields base, source and expected (base_ids, source_ids for token ids, "
    "and, if needed, value and part)";

/// One line of a file. Every fault becomes an InputError with file, line and field.
class PairLine {
 public:
  PairLine(const Model& model, const json& object, std::string where)
      : model_(model), object_(object), where_(std::move(where)) {
    for (const auto& [name, value] : object_.items())
      if (std::find(kFields.begin(), kFields.end(), name) == kFields.end())
        fail("unknown field " + name + ", expected " + kExpected +
             "; correct its name, or leave it out");
  }

  InterchangePair pair() const {
    InterchangePair pair;
    pair.base = tracing::prompt_of_line(model_, object_, "base", where_);
    pair.source = tracing::prompt_of_line(model_, object_, "source", where_);
    pair.expected = expected();
    if (object_.contains("value")) pair.value = value();
    if (object_.contains("part")) pair.in_test = in_test();
    return pair;
  }

 private:
  [[noreturn]] void fail(const std::string& fault) const {
    throw InputError(where_ + ": " + fault);
  }

  std::int64_t expected() const {
    const auto found = object_.find("expected");
    if (found == object_.end())
      fail(std::string("field expected is missing, expected ") + kExpected);
    try {
      if (found->is_string()) return to_single_token(model_, found->get_ref<const std::string&>());
      if (!found->is_number_integer())
        fail("field expected: expected the text of one token, or its id");
      return tokens_from_ids(model_, {found->get<std::int64_t>()}).ids.front();
    } catch (const UsageError& error) {
      throw InputError(where_ + ": field expected: " + error.what());
    }
  }

  std::string value() const {
    const json& value = object_["value"];
    if (value.is_number_integer() || value.is_boolean()) return value.dump();
    if (!value.is_string() || value.get_ref<const std::string&>().empty())
      fail("field value: expected a text, a whole number, true or false");
    return value.get<std::string>();
  }

  bool in_test() const {
    const json& part = object_["part"];
    if (part != "train" && part != "test") fail("field part: expected train or test");
    return part == "test";
  }

  const Model& model_;
  const json& object_;
  std::string where_;
};

}  // namespace

PlacedPairs read_pairs(const Model& model, const std::string& path) {
  PlacedPairs placed;
  tracing::for_each_line(path, "interchange: pairs", kExpected,
                         [&](const json& object, const std::string& where) {
                           placed.pairs.push_back(PairLine(model, object, where).pair());
                           placed.where.push_back(where);
                         });
  return placed;
}

}  // namespace lensbench::interchange
