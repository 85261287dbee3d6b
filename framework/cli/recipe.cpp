#include "cli/recipe.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "core/sha256.hpp"

namespace lensbench::cli {
namespace {

nlohmann::json request_of(const RunArguments& arguments, const Model& model,
                          const PluginInfo& entry, const std::vector<std::string>& tools,
                          const Parameters& parameters) {
  const auto& spec = model.spec();
  return {{"kind", entry.kind == PluginEntryKind::tool ? "tool" : "experiment"},
          {"name", entry.name},
          {"version", entry.version},
          {"tools", tools},
          {"parameters", parameters.values()},
          {"model",
           {{"family", spec.family},
            {"n_layers", spec.n_layers},
            {"d_model", spec.d_model},
            {"vocab_size", spec.vocab_size}}},
          {"dtype", arguments.dtype},
          {"device", arguments.device},
          {"seed", arguments.seed},
          {"batch_size", 1},
          {"bos_policy", "prompts: the tokenizer's own template; ids: nothing added"},
          {"lens",
           {{"logarithm", "natural"},
            {"layer_0", "embedding output"},
            {"last_layer", "input of the final norm"},
            {"rank", "1 + tokens with a strictly larger logit"}}}};
}

std::vector<FileRecord> file_records(const Model& model, const std::string& prompts_file) {
  std::vector<FileRecord> records;
  const auto add = [&](const std::string& role, const std::filesystem::path& path) {
    records.push_back({role, path.filename().string(), sha256_file(path),
                       static_cast<std::int64_t>(std::filesystem::file_size(path))});
  };
  for (const auto& file : model.files()) add(file.role, file.path);
  if (!prompts_file.empty()) add("prompts", prompts_file);
  return records;
}

std::vector<PluginRecord> plugin_records(const PluginHost& host, const PluginInfo& entry,
                                         const std::vector<std::string>& tools) {
  // One record a library, with the entries of it that this run uses.
  std::map<std::filesystem::path, PluginRecord> libraries;
  const auto use = [&](const PluginInfo& info) {
    auto& record = libraries[info.path];
    const std::string text = info.name + " " + info.version;
    if (record.sha256.empty())
      record = {info.plugin, info.version, sha256_file(info.path), text};
    else if (record.entries.find(text) == std::string::npos)
      record.entries += ", " + text;
  };
  use(entry);
  for (const auto& tool : tools) use(host.find(PluginEntryKind::tool, tool));
  std::vector<PluginRecord> records;
  for (auto& [path, record] : libraries) records.push_back(std::move(record));
  std::sort(records.begin(), records.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return records;
}

CasePlan plan_case(const CaseInput& input, const Model& model) {
  CasePlan plan{input.id, input.text, 0, ""};
  // A prompt that cannot be tokenized is planned all the same, and fails as a case of its own.
  std::vector<std::int64_t> ids = input.ids;
  if (ids.empty()) {
    try {
      ids = tokenize(model, input.text).ids;
    } catch (const UsageError&) {
      return plan;
    }
  }
  std::string text;
  for (const auto id : ids) text += std::to_string(id) + " ";
  plan.n_tokens = static_cast<std::int64_t>(ids.size());
  plan.ids_sha256 = sha256_hex(text);
  return plan;
}

}  // namespace

RunPlan make_plan(const RunArguments& arguments, const Model& model, const PluginHost& host,
                  const PluginInfo& entry, const std::vector<std::string>& tools,
                  const Parameters& parameters, const std::vector<CaseInput>& cases) {
  RunPlan plan;
  plan.title = entry.name + " on " + model.spec().family + ", " + std::to_string(cases.size()) +
               (cases.size() == 1 ? " case" : " cases");
  plan.experiment = entry.name;
  plan.experiment_version = entry.version;
  plan.request = request_of(arguments, model, entry, tools, parameters);
  nlohmann::json fields = nlohmann::json::object();
  for (const auto& input : cases)
    if (!input.fields.empty()) fields[input.id] = input.fields;
  if (!fields.empty()) plan.request["case_fields"] = fields;
  plan.files = file_records(model, arguments.prompts_file);
  plan.plugins = plugin_records(host, entry, tools);
  for (const auto& input : cases) plan.cases.push_back(plan_case(input, model));
  plan.source = entry.source;
  return plan;
}

Vocabulary vocabulary_of(const Model& model, const std::vector<std::int64_t>& ids) {
  Vocabulary vocabulary;
  const auto tokenizer = model.tokenizer();
  for (const auto id : ids) {
    if (id < 0) continue;
    auto& text = vocabulary.texts[id];
    text = tokenizer ? tokenizer->token_text(id) : "<" + std::to_string(id) + ">";
    if (!tokenizer) continue;
    if (auto bytes = tokenizer->token_bytes(id); !bytes.empty() && bytes != text)
      vocabulary.bytes[id] = std::move(bytes);
  }
  return vocabulary;
}

}  // namespace lensbench::cli
