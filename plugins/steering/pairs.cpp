#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/json_line.hpp"
#include "common/prompt_field.hpp"
#include "directions.hpp"

// Pairs of prompts, whose difference is a direction.

namespace lensbench::steering {

std::vector<SteeringPair> read_pairs(const Model& model, const std::string& path) {
  std::vector<SteeringPair> pairs;
  tracing::for_each_line(
      path, "steering: pairs", "a JSON object with the fields plus and minus",
      [&](const nlohmann::json& object, const std::string& where) {
        pairs.push_back({tracing::prompt_of_line(model, object, "plus", where),
                         tracing::prompt_of_line(model, object, "minus", where)});
      });
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
