#include "core/text/json_difference.hpp"

#include <set>

#include "core/text/printable.hpp"

// Differences between two JSON values, as paths with both values, for messages about requests.

namespace lensbench {

using nlohmann::json;

namespace {

/// Short text of a value, safe for a terminal; empty for a missing one.
std::string shortened(const json& value) {
  if (value.is_null()) return "";
  return printable(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

std::vector<FactDifference> diff_facts(const json& first, const json& second,
                                       const std::string& root) {
  if (first == second) return {};
  if (!first.is_object() || !second.is_object())
    return {{root, shortened(first), shortened(second)}};
  std::vector<FactDifference> differences;
  std::set<std::string> keys;
  for (const json* side : {&first, &second})
    for (const auto& [key, value] : side->items()) keys.insert(key);
  // A member that one side lacks is compared with null, so that its members are listed one by one.
  const json none;
  for (const std::string& key : keys)
    for (FactDifference& difference : diff_facts(first.contains(key) ? first[key] : none,
                                                 second.contains(key) ? second[key] : none,
                                                 root.empty() ? key : root + "/" + key))
      differences.push_back(std::move(difference));
  return differences;
}

}  // namespace lensbench
