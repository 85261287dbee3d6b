#include <lensbench/error.hpp>
#include <string_view>

#include "core/files/sha256.hpp"
#include "core/text/json.hpp"
#include "core/text/json_reader.hpp"
#include "grading/truth/check_truth.hpp"
#include "grading/truth/truth_file.hpp"
#include "model/stored_model.hpp"

// Reading of truth.json. Fields are read here; what they may be for a given model is checked in
// check_truth.cpp, so that a truth can be read before its checkpoint exists.

namespace lensbench::grading {
namespace {

namespace fs = std::filesystem;

// Truths of large models have a number for each component and prompt.
constexpr JsonLimits kTruthLimits{std::size_t{64} << 20, 16};
constexpr Range<std::int64_t> kIndex{0, std::int64_t{1} << 24};

/// Elements of a list field, each read by `get`; none if the field is missing.
template <class Get>
auto list(const JsonReader& object, std::string_view key, Get get) {
  std::vector<std::decay_t<decltype(get(object))>> values;
  const auto field = object.find(key);
  if (!field) return values;
  values.reserve(field->size());
  for (std::size_t i = 0; i < field->size(); ++i) values.push_back(get(field->at(i)));
  return values;
}

std::string text_or(const JsonReader& object, std::string_view key, const char* otherwise = "") {
  const auto field = object.find(key);
  return field ? field->string() : otherwise;
}

std::optional<std::int64_t> optional_index(const JsonReader& object, std::string_view key) {
  const auto field = object.find(key);
  return field ? std::optional(field->integer(kIndex)) : std::nullopt;
}

Table table(const JsonReader& object, std::string_view key) {
  return list(object, key, [](const JsonReader& row) { return row.numbers(); });
}

std::vector<std::int64_t> indices(const JsonReader& object, std::string_view key) {
  const auto field = object.find(key);
  return field ? field->integers(kIndex) : std::vector<std::int64_t>();
}

Origin read_origin(const JsonReader& root) {
  const JsonReader object = root.at("origin", "an object with the field kind");
  Origin origin;
  origin.kind = object.at("kind", "wired, compiled, trained or foreign").string();
  origin.generator = text_or(object, "generator");
  origin.seed = optional_index(object, "seed").value_or(0);
  origin.gauge = text_or(object, "gauge");
  if (const auto leak = object.find("leak")) origin.leak = leak->number();
  return origin;
}

CheckpointIdentity read_identity(const JsonReader& root) {
  const JsonReader object = root.at("model", "the SHA-256 of the checkpoint's files");
  return {object.at("config_sha256", "a SHA-256").string(),
          object.at("weights_sha256", "a SHA-256").string(), text_or(object, "dtype", "float32"),
          text_or(object, "effects_computed_in", "float64")};
}

Role read_role(const JsonReader& object) {
  return {object.at("name", "a text").string(), text_or(object, "kind"), text_or(object, "role")};
}

StreamVariable read_variable(const JsonReader& object) {
  return {object.at("name", "a text").string(), text_or(object, "of"),
          optional_index(object, "written_layer"), indices(object, "absent_layers"),
          object.boolean_or("used", false)};
}

FeatureTruth read_features(const JsonReader& object) {
  FeatureTruth features;
  features.hook = object.at("hook", "the name of a hook point").string();
  features.direction = table(object, "direction");
  features.token_activation = list(object, "token_activation", [](const JsonReader& token) {
    std::vector<std::pair<std::int64_t, double>> active;
    active.reserve(token.size());
    for (std::size_t i = 0; i < token.size(); ++i) {
      const JsonReader pair = token.at(i);
      if (pair.size() != 2) pair.fail_expected("a feature and its activation");
      active.emplace_back(pair.at(0).integer(kIndex), pair.at(1).number());
    }
    return active;
  });
  if (const auto constant = object.find("constant")) features.constant = constant->numbers();
  return features;
}

PromptPair read_prompt(const JsonReader& object) {
  PromptPair prompt;
  prompt.ids = object.at("ids", "a list of token ids").integers(kIndex);
  prompt.corrupted_ids = indices(object, "corrupted_ids");
  prompt.answer = optional_index(object, "answer").value_or(-1);
  prompt.foil = optional_index(object, "foil").value_or(-1);
  prompt.position = optional_index(object, "position").value_or(-1);
  if (const auto sources = object.find("sources"))
    for (const auto& item : sources->value().items())
      prompt.sources[item.key()] = sources->at(item.key()).integer(kIndex);
  return prompt;
}

TrainingPrompt read_training_prompt(const JsonReader& object) {
  return {object.at("ids", "a list of token ids").integers(kIndex), optional_index(object, "label"),
          optional_index(object, "position")};
}

Membership membership_of(const JsonReader& field) {
  const std::string& text = field.string();
  if (text == "member") return Membership::member;
  if (text == "none") return Membership::none;
  if (text == "ignored") return Membership::ignored;
  field.fail_expected("member, none or ignored");
}

EffectTruth read_effects(const JsonReader& object) {
  EffectTruth effects;
  effects.components = object.at("components", "names of components").strings();
  const JsonReader values = object.at("values", "tables of effects");
  if (!values.value().is_object()) values.fail_expected("an object");
  for (const auto& item : values.value().items())
    effects.values[item.key()] = table(values, item.key());
  return effects;
}

Edge read_edge(const JsonReader& source, const JsonReader& target, const JsonReader& slot) {
  Edge edge{source.string(), target.string(), slot.string()};
  if (edge.slot != "q" && edge.slot != "k" && edge.slot != "v" && edge.slot != "in")
    slot.fail_expected("q, k, v or in");
  return edge;
}

EdgeTruth read_edges(const JsonReader& object) {
  EdgeTruth edges;
  edges.member = list(object, "member", [](const JsonReader& edge) {
    return read_edge(edge.at("source"), edge.at("target"), edge.at("slot"));
  });
  edges.total = list(object, "total", [](const JsonReader& row) {
    if (row.size() != 4) row.fail_expected("source, target, slot and effect");
    return EdgeEffect{read_edge(row.at(0), row.at(1), row.at(2)), row.at(3).number()};
  });
  edges.count = optional_index(object, "count").value_or(0);
  return edges;
}

ReadoutTruth read_readout(const JsonReader& object) {
  ReadoutTruth readout;
  readout.probability = table(object, "probability");
  readout.rank = list(object, "rank", [](const JsonReader& row) {
    return row.integers({1, kIndex.max});
  });
  readout.rank_ties =
      list(object, "rank_ties", [](const JsonReader& row) { return row.integers(kIndex); });
  readout.first_correct_layer = list(object, "first_correct_layer", [](const JsonReader& layer) {
    return layer.is_null() ? std::nullopt : std::optional(layer.integer(kIndex));
  });
  return readout;
}

AttendedKey read_attended(const JsonReader& object) {
  AttendedKey key;
  key.head = object.at("head", "the name of a head").string();
  key.query = text_or(object, "query", "position");
  key.keys = indices(object, "keys");
  if (const auto mass = object.find("mass")) key.mass = mass->numbers({0.0, 1.0 + 1e-4});
  key.causal = object.boolean_or("causal", true);
  return key;
}

/// The blocks of a task that are tables.
void read_measured(const JsonReader& object, Task& task) {
  if (const auto field = object.find("metric"))
    task.metric = MetricTruth{field->at("clean", "one number a prompt").numbers(),
                              field->at("corrupted", "one number a prompt").numbers()};
  if (const auto field = object.find("effects")) task.effects = read_effects(*field);
  task.neuron_effects = list(object, "neuron_effects", [](const JsonReader& layer) {
    return NeuronEffects{layer.at("layer", "the number of a block").integer(kIndex),
                         table(layer, "total"), table(layer, "restore")};
  });
  if (const auto field = object.find("edges")) task.edges = read_edges(*field);
  if (const auto field = object.find("readout")) task.readout = read_readout(*field);
  if (const auto field = object.find("restore_grid"))
    task.restore_grid = RestoreGrid{text_or(*field, "hook"), table(*field, "values")};
  if (const auto field = object.find("distribution"))
    task.distribution = DistributionTruth{table(*field, "entropy"), table(*field, "probability"),
                                          table(*field, "surprisal")};
  task.attention = list(object, "attention", read_attended);
}

Task read_task(const JsonReader& object) {
  Task task;
  task.name = object.at("name", "a text").string();
  task.summary = text_or(object, "summary");
  object.at("prompts", "a list of prompts");
  task.prompts = list(object, "prompts", read_prompt);
  if (const auto field = object.find("membership")) {
    if (!field->value().is_object()) field->fail_expected("an object");
    for (const auto& item : field->value().items())
      task.membership[item.key()] = membership_of(field->at(item.key()));
  }
  read_measured(object, task);
  task.train = list(object, "train", read_training_prompt);
  task.variable = text_or(object, "variable");
  return task;
}

void require_hash(const fs::path& file, const std::string& expected, const char* field,
                  const fs::path& truth) {
  const std::string found = sha256_file(file);
  if (found == expected) return;
  throw InputError(truth.string() + ": field model." + field + ": the SHA-256 is " + expected +
                   ", but " + file.string() + " has " + found +
                   "; the truth is about another checkpoint: fetch both again, or make them with "
                   "'lensbench plant'");
}

}  // namespace

Truth parse_truth(const nlohmann::json& json, const std::string& file) {
  const JsonReader root(json, file);
  if (const JsonReader format = root.at("format", kTruthFormat); format.string() != kTruthFormat)
    format.fail_expected(kTruthFormat);
  Truth truth;
  truth.name = root.at("name", "a text").string();
  truth.summary = text_or(root, "summary");
  truth.origin = read_origin(root);
  truth.model = read_identity(root);
  if (const auto field = root.find("vocabulary")) truth.vocabulary = field->strings();
  truth.components = list(root, "components", read_role);
  truth.neurons = list(root, "neurons", read_role);
  if (const auto field = root.find("readout"))
    truth.readout = {optional_index(*field, "answer_layer"),
                     optional_index(*field, "information_layer")};
  truth.variables = list(root, "variables", read_variable);
  if (const auto field = root.find("features")) truth.features = read_features(*field);
  root.at("tasks", "a list of tasks");
  truth.tasks = list(root, "tasks", read_task);
  return truth;
}

Truth read_truth(const fs::path& folder) {
  const fs::path file = folder / kTruthFile;
  Truth truth = parse_truth(read_json(file, kTruthLimits), file.string());
  require_hash(folder / "config.json", truth.model.config_sha256, "config_sha256", file);
  require_hash(folder / "model.safetensors", truth.model.weights_sha256, "weights_sha256", file);
  check_truth(truth, read_stored_spec(folder.string()), file.string());
  return truth;
}

}  // namespace lensbench::grading
