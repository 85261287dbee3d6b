#include "core/costs.hpp"

#include <cmath>

// Costs as JSON. An unknown peak is null there, because JSON does not have NaN.

namespace lensbench {
namespace {

using nlohmann::json;

json to_json(const Cost& cost) {
  const bool known = !std::isnan(cost.peak_memory_bytes);
  return {{"seconds", cost.seconds},
          {"peak_memory_bytes", known ? json(cost.peak_memory_bytes) : json()},
          {"calls", cost.calls}};
}

Cost cost_from(const json& object) {
  Cost cost;
  object.at("seconds").get_to(cost.seconds);
  object.at("calls").get_to(cost.calls);
  if (const json& peak = object.at("peak_memory_bytes"); !peak.is_null())
    peak.get_to(cost.peak_memory_bytes);
  return cost;
}

json to_json(const ProfileEntry& entry) {
  return {{"block", entry.block},
          {"component", entry.component},
          {"calls", entry.calls},
          {"seconds", entry.seconds},
          {"allocated_bytes", entry.allocated_bytes},
          {"peak_bytes", entry.peak_bytes},
          {"weight_bytes", entry.weight_bytes}};
}

ProfileEntry entry_from(const json& object) {
  ProfileEntry entry;
  object.at("block").get_to(entry.block);
  object.at("component").get_to(entry.component);
  object.at("calls").get_to(entry.calls);
  object.at("seconds").get_to(entry.seconds);
  object.at("allocated_bytes").get_to(entry.allocated_bytes);
  object.at("peak_bytes").get_to(entry.peak_bytes);
  object.at("weight_bytes").get_to(entry.weight_bytes);
  return entry;
}

}  // namespace

json to_json(const CaseCosts& costs) {
  json tools = json::object(), profile = json::array();
  for (const auto& [tool, cost] : costs.tools) tools[tool] = to_json(cost);
  for (const ProfileEntry& entry : costs.profile) profile.push_back(to_json(entry));
  return {{"whole", to_json(costs.whole)},
          {"tools", tools},
          {"profile", profile},
          {"session", costs.session}};
}

CaseCosts costs_from_json(const json& object) {
  CaseCosts costs;
  costs.whole = cost_from(object.at("whole"));
  for (const auto& [tool, cost] : object.at("tools").items()) costs.tools[tool] = cost_from(cost);
  for (const json& entry : object.at("profile")) costs.profile.push_back(entry_from(entry));
  object.at("session").get_to(costs.session);
  return costs;
}

}  // namespace lensbench
