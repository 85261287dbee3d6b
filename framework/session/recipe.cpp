#include "session/recipe.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "bench/case_input.hpp"
#include "bench/input/picture_prompts.hpp"
#include "core/files/sha256.hpp"
#include "core/text/json.hpp"
#include "core/text/utf8.hpp"
#include "session/parameter_files.hpp"

// The recipe: everything on which a result depends, in a form that is equal wherever the request is
// made. Prompts are tokenized here, before the first case runs, so that the plan has the ids that
// the model will receive.

namespace lensbench {
namespace {

/// Contents of config.json without the path it was saved at.
nlohmann::json config_of(const Model& model) {
  for (const auto& file : model.files())
    if (file.role == "config") {
      auto config = read_json(file.path);
      // A path at which the model was saved once, which does not change it.
      config.erase("_name_or_path");
      return config;
    }
  return nlohmann::json::object();
}

nlohmann::json request_of(const RunRequest& request, const Model& model, const PluginInfo& entry,
                          const std::vector<std::string>& tools, const Parameters& parameters) {
  const auto& spec = model.spec();
  return {{"kind", entry.kind == PluginEntryKind::tool ? "tool" : "experiment"},
          {"name", entry.name},
          {"version", entry.version},
          {"tools", tools},
          // Without paths, see `portable_values`.
          {"parameters", portable_values(parameters)},
          {"model",
           {{"family", spec.family},
            {"n_layers", spec.n_layers},
            {"d_model", spec.d_model},
            {"vocab_size", spec.vocab_size},
            {"config", config_of(model)}}},
          {"dtype", request.dtype},
          {"device", request.device},
          {"seed", request.seed},
          // Cases are computed one by one, and the conventions below never change within a version;
          // they are stored for readers of the archive and for later versions that may differ.
          {"batch_size", 1},
          {"bos_policy", "prompts: the tokenizer's own template; ids: nothing added"},
          {"lens",
           {{"logarithm", "natural"},
            {"layer_0", "embedding output"},
            {"last_layer", "input of the final norm"},
            {"rank", "1 + tokens with a strictly larger logit"}}}};
}

std::vector<PluginRecord> plugin_records(const PluginHost& host, const PluginInfo& entry,
                                         const std::vector<std::string>& tools) {
  // One record for each library, with its entries that this run uses.
  std::map<std::filesystem::path, PluginRecord> libraries;
  const auto use = [&](const PluginInfo& info) {
    auto& record = libraries[info.path];
    const std::string text = info.name + " " + info.version;
    if (record.sha256.empty())
      record = {info.plugin, info.version, info.sha256, text, replace_invalid_utf8(info.source)};
    else if ((", " + record.entries + ", ").find(", " + text + ", ") == std::string::npos)
      record.entries += ", " + text;
  };
  use(entry);
  for (const auto& tool : tools) use(host.find(PluginEntryKind::tool, tool));
  std::vector<PluginRecord> records;
  records.reserve(libraries.size());
  for (auto& [path, record] : libraries) records.push_back(std::move(record));
  std::sort(records.begin(), records.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return records;
}

/// Digest of token ids as decimal numbers, each followed by a space; archives have it since format
/// 1.
std::string digest_of_ids(const std::vector<std::int64_t>& ids) {
  std::string text;
  for (const auto id : ids) text += std::to_string(id) + " ";
  return sha256_hex(text);
}

/// Token ids of a prompt; empty if it cannot be tokenized. Such a prompt is still planned and later
/// fails as a case.
std::vector<std::int64_t> ids_of(const std::string& text, const std::vector<std::int64_t>& given,
                                 const Context& context) {
  if (!given.empty()) return given;
  try {
    return context.tokens_of(text).ids;
  } catch (const UsageError&) {
    return {};
  }
}

/// Second prompt of a case, from its field or from the parameter.
void plan_second_prompt(CasePlan& plan, const CaseInput& input, const Parameters& parameters,
                        const Context& context) {
  SecondPrompt prompt;
  try {
    prompt = second_prompt(input, parameters);
  } catch (const UsageError&) {
    return;  // the case will fail with this error
  }
  if (!prompt.is_given()) return;
  plan.corrupted_text = prompt.text;
  const auto ids = ids_of(prompt.text, prompt.ids, context);
  if (!ids.empty()) plan.corrupted_ids_sha256 = digest_of_ids(ids);
}

/// A prompt that cannot be tokenized is planned without ids; the case runs and fails with the
/// reason.
CasePlan plan_case(const CaseInput& input, const Parameters& parameters, const Context& context) {
  CasePlan plan{input.id, input.text, 0, "", {}, input.fields};
  plan_second_prompt(plan, input, parameters, context);
  const auto* pictures = picture_prompts_of(context.model(), input.id);
  plan.ids =
      pictures != nullptr ? pictures->prompt(input.id).ids : ids_of(input.text, input.ids, context);
  if (plan.ids.empty()) return plan;
  plan.n_tokens = static_cast<std::int64_t>(plan.ids.size());
  plan.ids_sha256 = digest_of_ids(plan.ids);
  return plan;
}

}  // namespace

/// Files are hashed here, which takes as long as reading the weights once.
RunPlan make_plan(const RunRequest& request, const Context& context, const PluginHost& host,
                  const PluginInfo& entry, const std::vector<std::string>& tools,
                  const Parameters& parameters, const std::vector<CaseInput>& cases,
                  const std::vector<FileRecord>& inputs, FileDigests* digests) {
  const Model& model = context.model();
  const FileDigest digest = [&](const std::filesystem::path& path) {
    return digests != nullptr ? digests->of(path) : context.file_digest(path);
  };
  RunPlan plan;
  plan.title = entry.name + " on " + model.spec().family + ", " + std::to_string(cases.size()) +
               (cases.size() == 1 ? " case" : " cases");
  plan.experiment = entry.name;
  plan.experiment_version = entry.version;
  plan.request = request_of(request, model, entry, tools, parameters);
  if (!request.interventions.empty())
    plan.request["interventions"] =
        nlohmann::json::parse(interventions_to_json(request.interventions));
  for (const auto& file : model.files())
    plan.files.push_back(file_record(file.role, file.path, digest));
  const auto others = parameter_file_records(parameters, digest);
  plan.files.insert(plan.files.end(), others.begin(), others.end());
  plan.files.insert(plan.files.end(), inputs.begin(), inputs.end());
  plan.plugins = plugin_records(host, entry, tools);
  for (const auto& input : cases) plan.cases.push_back(plan_case(input, parameters, context));
  plan.source = entry.source;
  return plan;
}

FileRecord prompts_record(const std::filesystem::path& file) {
  return file_record("prompts", file);
}

/// Texts of the ids in results. Tokens whose text is only a display form have their bytes in
/// addition, so that they can be told apart.
ResultVocabulary vocabulary_of(const Model& model, const std::vector<std::int64_t>& ids) {
  ResultVocabulary vocabulary;
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

}  // namespace lensbench
