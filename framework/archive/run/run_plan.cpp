#include "archive/run/run_plan.hpp"

#include "core/files/sha256.hpp"
#include "core/text/json.hpp"

namespace lensbench {
namespace {

using nlohmann::json;

json to_json(const CasePlan& plan) {
  return {{"id", plan.id},
          {"text", plan.text},
          {"n_tokens", plan.n_tokens},
          {"ids_sha256", plan.ids_sha256}};
}

/// The plan without its cases: what every unit depends on.
json common_part(const RunPlan& plan) {
  json files = json::array(), plugins = json::array();
  for (const FileRecord& file : plan.files)
    files.push_back(
        {{"role", file.role}, {"name", file.name}, {"sha256", file.sha256}, {"bytes", file.bytes}});
  for (const PluginRecord& plugin : plan.plugins)
    plugins.push_back({{"name", plugin.name},
                       {"version", plugin.version},
                       {"sha256", plugin.sha256},
                       {"entries", plugin.entries}});
  return {{"format_version", 1},
          {"title", plan.title},
          {"experiment", plan.experiment},
          {"experiment_version", plan.experiment_version},
          {"request", plan.request},
          {"files", files},
          {"plugins", plugins},
          {"source", plan.source}};
}

std::string shortened(const json& value) {
  constexpr std::size_t kLongest = 60;
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

}  // namespace

json to_json(const RunPlan& plan) {
  json all = common_part(plan);
  all["cases"] = json::array();
  for (const CasePlan& one : plan.cases) all["cases"].push_back(to_json(one));
  return all;
}

std::string unit_key(const RunPlan& plan, std::int64_t index) {
  const json content = {{"plan", sha256_hex(canonical_json(common_part(plan)))},
                        {"index", index},
                        {"case", to_json(plan.cases.at(static_cast<std::size_t>(index)))}};
  return sha256_hex(canonical_json(content));
}

std::string plan_difference(const json& before, const json& now) {
  constexpr std::size_t kMost = 3;
  const json flat_before = before.flatten(), flat_now = now.flatten();
  std::string text;
  std::size_t count = 0;
  const auto note = [&](const std::string& where, const std::string& what) {
    if (++count <= kMost) text += (text.empty() ? "" : "; ") + where + " " + what;
  };
  for (const auto& [where, value] : flat_before.items())
    if (!flat_now.contains(where))
      note(where, "was " + shortened(value) + " and is gone");
    else if (flat_now[where] != value)
      note(where, "was " + shortened(value) + ", now " + shortened(flat_now[where]));
  for (const auto& [where, value] : flat_now.items())
    if (!flat_before.contains(where)) note(where, "is new: " + shortened(value));
  if (count > kMost) text += "; and " + std::to_string(count - kMost) + " more";
  return text;
}

}  // namespace lensbench
