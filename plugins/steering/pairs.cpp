#include <algorithm>
#include <fstream>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>

#include "common/prompt_field.hpp"
#include "directions.hpp"

// Pairs of prompts, whose difference is a direction.

namespace lensbench::steering {

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
    const nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object())
      throw InputError(where + ": expected a JSON object with the fields plus and minus");
    pairs.push_back({tracing::prompt_of_line(model, object, "plus", where),
                     tracing::prompt_of_line(model, object, "minus", where)});
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
