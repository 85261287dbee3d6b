#include <algorithm>
#include <fstream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "directions.hpp"

// Pairs of prompts, whose difference is a direction.

namespace lensbench::steering {
namespace {

using nlohmann::json;

/// One line of a file of pairs. Every fault becomes an InputError with file and line.
class PairLine {
 public:
  PairLine(const Model& model, const json& object, std::string where)
      : model_(model), object_(object), where_(std::move(where)) {}

  /// \param name  `plus` or `minus`
  Tokens side(const std::string& name) const {
    const auto text = object_.find(name), ids = object_.find(name + "_ids");
    const bool has_text = text != object_.end(), has_ids = ids != object_.end();
    if (has_text == has_ids)
      fail("expected exactly one of the fields " + name + " and " + name + "_ids");
    try {
      return has_text ? of_text(name, *text) : of_ids(name + "_ids", *ids);
    } catch (const UsageError& error) {
      throw InputError(where_ + ": " + error.what());
    }
  }

 private:
  [[noreturn]] void fail(const std::string& fault) const {
    throw InputError(where_ + ": " + fault);
  }

  Tokens of_text(const std::string& name, const json& value) const {
    if (!value.is_string()) fail("field " + name + ": expected a text");
    if (value.get_ref<const std::string&>().empty())
      fail("field " + name + ": the prompt is empty; give at least one token");
    return to_tokens(model_, value.get_ref<const std::string&>());
  }
  Tokens of_ids(const std::string& name, const json& value) const {
    std::vector<std::int64_t> ids;
    if (!value.is_array() || value.empty())
      fail("field " + name + ": expected a list of token ids");
    for (const json& id : value) {
      if (!id.is_number_integer()) fail("field " + name + ": expected a list of token ids");
      ids.push_back(id.get<std::int64_t>());
    }
    return tokens_from_ids(model_, ids);
  }

  const Model& model_;
  const json& object_;
  std::string where_;
};

}  // namespace

std::vector<SteeringPair> read_pairs(const Model& model, const std::string& path) {
  std::ifstream file(path);
  if (!file) throw InputError("steering: pairs '" + path + "' cannot be read");
  std::vector<SteeringPair> pairs;
  std::int64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string where = path + ":" + std::to_string(number);
    // Without exceptions: a line that is not JSON gives a value that is not an object.
    const json object = json::parse(line, nullptr, false);
    if (!object.is_object())
      throw InputError(where + ": expected a JSON object with the fields plus and minus");
    const PairLine reader(model, object, where);
    pairs.push_back({reader.side("plus"), reader.side("minus")});
  }
  if (pairs.empty())
    throw InputError("steering: pairs '" + path +
                     "' is empty; give a JSON object with plus and minus in each line");
  return pairs;
}

std::int64_t prompts_with(const std::vector<SteeringPair>& pairs,
                          const std::vector<std::int64_t>& ids) {
  std::int64_t count = 0;
  for (const SteeringPair& pair : pairs)
    for (const Tokens* prompt : {&pair.plus, &pair.minus})
      count += std::any_of(ids.begin(), ids.end(), [&](std::int64_t id) {
        return std::find(prompt->ids.begin(), prompt->ids.end(), id) != prompt->ids.end();
      });
  return count;
}

}  // namespace lensbench::steering
