#include "archive/run/run_plan.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

#include "core/files/sha256.hpp"
#include "core/text/json.hpp"
#include "core/text/json_difference.hpp"

// The plan of a run as JSON, in the form that is stored, compared and hashed. Fields without a
// value are left out.

namespace lensbench {
namespace {

using nlohmann::json;

json to_json(const PictureRecord& picture) {
  return {{"name", picture.name},
          {"sha256", picture.sha256},
          {"rgb_sha256", picture.rgb_sha256},
          {"format", picture.format},
          {"changes", picture.changes},
          {"orientation", picture.orientation},
          {"stored", {picture.stored_width, picture.stored_height}},
          {"upright", {picture.upright_width, picture.upright_height}},
          {"resized", {picture.resized_width, picture.resized_height}},
          {"tokens", {picture.token_columns, picture.token_rows}}};
}

/// One case without its token ids, which `ids_sha256` represents.
json to_json(const CasePlan& plan) {
  json one{{"id", plan.id},
           {"text", plan.text},
           {"n_tokens", plan.n_tokens},
           {"ids_sha256", plan.ids_sha256}};
  if (!plan.fields.empty()) one["fields"] = plan.fields;
  if (!plan.corrupted_text.empty()) one["corrupted_text"] = plan.corrupted_text;
  if (!plan.corrupted_ids_sha256.empty()) one["corrupted_ids_sha256"] = plan.corrupted_ids_sha256;
  for (const PictureRecord& picture : plan.pictures) one["pictures"].push_back(to_json(picture));
  return one;
}

}  // namespace

json request_json(const RunPlan& plan) {
  json files = json::array(), plugins = json::array();
  for (const FileRecord& file : plan.files)
    files.push_back(
        {{"role", file.role}, {"name", file.name}, {"sha256", file.sha256}, {"bytes", file.bytes}});
  for (const PluginRecord& plugin : plan.plugins)
    plugins.push_back({{"name", plugin.name},
                       {"version", plugin.version},
                       {"sha256", plugin.sha256},
                       {"entries", plugin.entries}});
  json all = {{"format_version", 1},
              {"title", plan.title},
              {"experiment", plan.experiment},
              {"experiment_version", plan.experiment_version},
              {"request", plan.request},
              {"files", files},
              {"plugins", plugins},
              {"source", plan.source}};
  if (plan.passes > 1) all["passes"] = plan.passes;
  return all;
}

json case_json(const CasePlan& plan) {
  json one = to_json(plan);
  one["ids"] = plan.ids;
  return one;
}

json to_json(const RunPlan& plan) {
  json all = request_json(plan);
  all["cases"] = json::array();
  for (const CasePlan& one : plan.cases) all["cases"].push_back(to_json(one));
  return all;
}

/// Keys by which a resumed run finds the results of its cases. A prompt appended to the file of
/// prompts must not change the keys of the others, hence title and file are left out. The common
/// part is hashed once: with the request in every key, n keys would take time in the square of n.
std::vector<std::string> case_keys(const RunPlan& plan) {
  json common = request_json(plan);
  common.erase("title");
  json& files = common["files"];
  files.erase(std::remove_if(files.begin(), files.end(),
                             [](const json& file) { return file["role"] == "prompts"; }),
              files.end());
  const std::string hash = sha256_hex(canonical_json(common));
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < plan.cases.size(); ++i)
    keys.push_back(sha256_hex(
        canonical_json({{"plan", hash}, {"index", i}, {"case", to_json(plan.cases[i])}})));
  // A later pass depends on what earlier ones found on all cases. Its key need not contain them,
  // because a resume compares the plan as a whole.
  for (std::int64_t pass = 1; pass < plan.passes; ++pass)
    for (std::size_t i = 0; i < plan.cases.size(); ++i)
      keys.push_back(sha256_hex(canonical_json({{"case", keys[i]}, {"pass", pass}})));
  return keys;
}

/// The plan of `lensbench finish`: a corrected plug-in may summarise cases that the old one
/// computed, so everything that identifies the plug-in is taken from the run. All else must be
/// equal.
RunPlan with_plugins_of(RunPlan plan, const json& before) {
  try {
    plan.plugins.clear();
    for (const json& one : before.at("plugins"))
      plan.plugins.push_back(
          {one.at("name"), one.at("version"), one.at("sha256"), one.at("entries")});
    plan.source = before.at("source");
    plan.experiment_version = before.at("experiment_version");
    plan.request["version"] = before.at("request").at("version");
    // The stored file may be damaged: a missing field is an error of input.
  } catch (const json::exception& error) {
    throw InputError(std::string("request.json: not the plan of a run: ") + error.what());
  }
  return plan;
}

/// At most three differences, which is enough to recognise a mistyped option.
std::string plan_difference(const json& before, const json& now) {
  constexpr std::size_t kMost = 3;
  // Flattened JSON is compared element by element, lists included.
  const auto facts = diff_facts(before.flatten(), now.flatten());
  std::string text;
  for (std::size_t i = 0; i < std::min(kMost, facts.size()); ++i) {
    const auto& [where, was, is] = facts[i];
    text += (i == 0 ? "" : "; ") + where + " ";
    text += was.empty()  ? "is new: " + is
            : is.empty() ? "was " + was + " and is missing"
                         : "was " + was + ", now " + is;
  }
  if (facts.size() > kMost) text += "; and " + std::to_string(facts.size() - kMost) + " more";
  return text;
}

}  // namespace lensbench
