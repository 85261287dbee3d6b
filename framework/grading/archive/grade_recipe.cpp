#include "grading/archive/grade_recipe.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <map>

#include "core/files/sha256.hpp"
#include "core/text/suggest.hpp"
#include "core/text/utf8.hpp"
#include "grading/truth/truth_file.hpp"
#include "report/terminal/numbers.hpp"
#include "session/parameter_files.hpp"

// The recipe of a grading. Folders of models are not in it, since models that are planted for a run
// are in another folder each time: their kinds, seeds and SHA-256 are.

namespace lensbench::grading {
namespace {

using nlohmann::json;

struct NamedControl {
  const char* name;
  bool Controls::*member;
};
constexpr NamedControl kControls[] = {{"random", &Controls::random},
                                      {"shuffled", &Controls::shuffled},
                                      {"permuted", &Controls::permuted},
                                      {"null", &Controls::null},
                                      {"gauge", &Controls::gauge}};

json planted_json(const std::vector<PlantRequest>& planted) {
  json list = json::array();
  for (const PlantRequest& one : planted)
    list.push_back({{"kind", one.kind},
                    {"seed", one.seed},
                    {"gauge", one.gauge == Gauge::rotated ? "rotated" : "aligned"},
                    {"prompts", one.prompts},
                    {"edges", one.edges}});
  return list;
}

std::vector<PlantRequest> planted_of(const json& list) {
  std::vector<PlantRequest> planted;
  for (const json& one : list) {
    PlantRequest plant;
    plant.kind = one.at("kind").get<std::string>();
    plant.seed = one.at("seed").get<std::int64_t>();
    plant.gauge = one.at("gauge").get<std::string>() == "rotated" ? Gauge::rotated : Gauge::aligned;
    plant.prompts = one.at("prompts").get<std::int64_t>();
    plant.edges = one.at("edges").get<bool>();
    planted.push_back(std::move(plant));
  }
  return planted;
}

json request_json(const GradeRequest& request, const std::vector<const PluginInfo*>& tools) {
  json names = json::array();
  for (const PluginInfo* tool : tools) names.push_back(tool->name);
  const auto number = [](std::size_t n) { return std::to_string(n); };
  json all = {{"kind", kGradeKind},
              {"name", request.tools.empty() ? "all" : join(request.tools, ",")},
              {"tools", std::move(names)},
              {"parameters",
               {{"claims", request.claims},
                {"controls", names_of(request.controls)},
                {"bootstrap_draws", number(request.counts.bootstrap)},
                {"random_draws", number(request.counts.random)},
                {"permutations", number(request.counts.permutations)}}},
              {"set", request.set},
              {"bind", request.bind},
              {"dtype", "float32"},
              {"device", "cpu"},
              {"seed", request.seed}};
  if (!request.planted.empty()) all["planted"] = planted_json(request.planted);
  return all;
}

std::vector<PluginRecord> plugin_records(const std::vector<const PluginInfo*>& tools) {
  std::map<std::filesystem::path, PluginRecord> libraries;
  for (const PluginInfo* tool : tools) {
    PluginRecord& record = libraries[tool->path];
    const std::string text = tool->name + " " + tool->version;
    if (record.sha256.empty())
      record = {tool->plugin, tool->version, tool->sha256, text,
                replace_invalid_utf8(tool->source)};
    else
      record.entries += ", " + text;
  }
  std::vector<PluginRecord> records;
  records.reserve(libraries.size());
  for (auto& [path, record] : libraries) records.push_back(std::move(record));
  std::sort(records.begin(), records.end(),
            [](const PluginRecord& a, const PluginRecord& b) { return a.name < b.name; });
  return records;
}

void add_files(RunPlan& plan, const GradedModel& model) {
  for (const auto& [role, name] : {std::pair("config", "config.json"),
                                   {"weights", "model.safetensors"},
                                   {"truth", kTruthFile}}) {
    FileRecord record = file_record(std::string("planted ") + role, model.folder / name);
    record.name = model.label + "/" + name;
    plan.files.push_back(std::move(record));
  }
}

using Ids = std::vector<std::int64_t>;

/// SHA-256 of the ids of all prompts of a task, each prompt followed by a line feed.
std::string ids_digest(const Task& task, const Ids PromptPair::*member) {
  std::string text;
  for (const PromptPair& prompt : task.prompts) {
    for (const std::int64_t id : prompt.*member) text += std::to_string(id) + " ";
    text += "\n";
  }
  return sha256_hex(text);
}

/// The prompts of a task, one after the other.
CasePlan case_of(const GradedModel& model, const Task& task) {
  CasePlan plan;
  plan.id = model.label + "/" + task.name;
  bool is_corrupted = false;
  for (const PromptPair& prompt : task.prompts) {
    plan.ids.insert(plan.ids.end(), prompt.ids.begin(), prompt.ids.end());
    is_corrupted = is_corrupted || !prompt.corrupted_ids.empty();
  }
  plan.n_tokens = static_cast<std::int64_t>(plan.ids.size());
  plan.ids_sha256 = ids_digest(task, &PromptPair::ids);
  if (is_corrupted) plan.corrupted_ids_sha256 = ids_digest(task, &PromptPair::corrupted_ids);
  plan.fields = {{"model", model.label},
                 {"task", task.name},
                 {"kind", model.truth.origin.generator},
                 {"prompts", std::to_string(task.prompts.size())}};
  return plan;
}

std::string text_at(const json& request, const char* parameter) {
  return request.at("parameters").at(parameter).get<std::string>();
}

/// An archive of others must not ask for more draws than any memory holds.
std::size_t number_at(const json& request, const char* parameter) {
  constexpr std::size_t kMost = 1000000;
  const std::size_t number = std::stoull(text_at(request, parameter));
  if (number > kMost) throw std::out_of_range(parameter);
  return number;
}

}  // namespace

bool is_grade_request(const json& request) {
  if (!request.is_object()) return false;
  const auto kind = request.find("kind");
  return kind != request.end() && *kind == kGradeKind;
}

RunPlan plan_of(const GradeRequest& request, const Grading& grading) {
  RunPlan plan;
  plan.experiment = kGradeKind;
  plan.experiment_version = "1";
  plan.request = request_json(request, grading.tools());
  plan.title = "grade of " + plan.request["name"].get<std::string>() + ", " +
               terminal::count(std::ssize(grading.models()), "planted model") + ", " +
               terminal::count(std::ssize(grading.tasks()), "task");
  for (const GradedModel& model : grading.models()) add_files(plan, model);
  plan.plugins = plugin_records(grading.tools());
  plan.cases.reserve(grading.tasks().size());
  for (const TaskPlace& place : grading.tasks()) {
    const GradedModel& model = grading.models()[place.model];
    plan.cases.push_back(case_of(model, model.truth.tasks[place.task]));
  }
  return plan;
}

GradeRequest grade_request(const json& asked, const std::string& subject) {
  try {
    GradeRequest request;
    const auto name = asked.at("name").get<std::string>();
    if (name != "all") request.tools = asked.at("tools").get<std::vector<std::string>>();
    request.claims = text_at(asked, "claims");
    request.controls = controls_of(text_at(asked, "controls"));
    request.counts = {number_at(asked, "bootstrap_draws"), number_at(asked, "random_draws"),
                      number_at(asked, "permutations")};
    request.set = asked.at("set").get<Settings>();
    request.bind = asked.at("bind").get<std::map<std::string, std::string>>();
    request.seed = asked.at("seed").get<std::uint64_t>();
    if (const auto planted = asked.find("planted"); planted != asked.end())
      request.planted = planted_of(*planted);
    return request;
    // The archive may come from anybody.
  } catch (const json::exception& error) {
    throw InputError(subject + ": not the request of a grading: " + error.what());
  } catch (const std::logic_error&) {
    throw InputError(subject + ": a number of draws is not one of 0 to 1000000");
  } catch (const UsageError& error) {
    throw InputError(subject + ": " + error.what());
  }
}

Controls controls_of(const std::string& list) {
  Controls controls{false, false, false, false, false};
  if (list == "none") return controls;
  std::vector<std::string> known = {"none"};
  for (const NamedControl& control : kControls) known.emplace_back(control.name);
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string name = list.substr(begin, end - begin);
    const auto* found = std::find_if(std::begin(kControls), std::end(kControls),
                                     [&](const NamedControl& one) { return name == one.name; });
    if (found == std::end(kControls))
      throw UsageError("grade: --controls names '" + name + "'" + suggest(name, known));
    controls.*found->member = true;
    begin = end + 1;
  }
  return controls;
}

std::string names_of(const Controls& controls) {
  std::vector<std::string> names;
  for (const NamedControl& control : kControls)
    if (controls.*control.member) names.emplace_back(control.name);
  return names.empty() ? "none" : join(names, ",");
}

}  // namespace lensbench::grading
