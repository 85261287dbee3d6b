#include <lensbench/error.hpp>

#include "core/files/atomic_file.hpp"
#include "core/files/sha256.hpp"
#include "core/text/json.hpp"
#include "grading/truth/truth_file.hpp"

// Writing of truth.json. A block that is empty is left out, since a field that is missing means
// that nothing is known.

namespace lensbench::grading {
namespace {

using nlohmann::json;

json or_null(const std::optional<std::int64_t>& number) {
  return number ? json(*number) : json();
}

template <class Items, class Make>
json list_of(const Items& items, Make make) {
  json list = json::array();
  for (const auto& item : items) list.push_back(make(item));
  return list;
}

json json_of(const Role& role) {
  json object = {{"name", role.name}, {"role", role.role}};
  if (!role.kind.empty()) object["kind"] = role.kind;
  return object;
}

json json_of(const StreamVariable& variable) {
  return {{"name", variable.name},
          {"of", variable.of},
          {"written_layer", or_null(variable.written_layer)},
          {"absent_layers", variable.absent_layers},
          {"used", variable.used}};
}

json json_of(const FeatureTruth& features) {
  return {{"hook", features.hook},
          {"count", features.direction.size()},
          {"direction", features.direction},
          {"token_activation", features.token_activation},
          {"constant", features.constant}};
}

json json_of(const PromptPair& prompt) {
  json object = {{"ids", prompt.ids}};
  if (!prompt.corrupted_ids.empty()) object["corrupted_ids"] = prompt.corrupted_ids;
  if (prompt.answer >= 0) object["answer"] = prompt.answer;
  if (prompt.foil >= 0) object["foil"] = prompt.foil;
  if (prompt.position >= 0) object["position"] = prompt.position;
  if (prompt.position >= 0) object["sources"] = prompt.sources;
  return object;
}

json json_of(const TrainingPrompt& prompt) {
  json object = {{"ids", prompt.ids}};
  if (prompt.label) object["label"] = *prompt.label;
  if (prompt.position) object["position"] = *prompt.position;
  return object;
}

const char* text_of(Membership membership) {
  switch (membership) {
    case Membership::member:
      return "member";
    case Membership::ignored:
      return "ignored";
    case Membership::none:
      break;
  }
  return "none";
}

json json_of(const Edge& edge) {
  return {{"source", edge.source}, {"target", edge.target}, {"slot", edge.slot}};
}

json json_of(const EdgeTruth& edges) {
  return {
      {"member", list_of(edges.member, [](const Edge& edge) { return json_of(edge); })},
      {"total", list_of(edges.total,
                        [](const EdgeEffect& effect) {
                          const Edge& edge = effect.edge;
                          return json::array({edge.source, edge.target, edge.slot, effect.mean});
                        })},
      {"count", edges.count}};
}

json json_of(const ReadoutTruth& readout) {
  json object = json::object();
  if (!readout.probability.empty()) object["probability"] = readout.probability;
  if (!readout.rank.empty()) object["rank"] = readout.rank;
  if (!readout.rank_ties.empty()) object["rank_ties"] = readout.rank_ties;
  if (!readout.first_correct_layer.empty())
    object["first_correct_layer"] = list_of(readout.first_correct_layer, or_null);
  return object;
}

json json_of(const AttendedKey& key) {
  json object = {
      {"head", key.head}, {"query", key.query}, {"keys", key.keys}, {"causal", key.causal}};
  if (!key.mass.empty()) object["mass"] = key.mass;
  return object;
}

json json_of(const NeuronEffects& effects) {
  json object = {{"layer", effects.layer}, {"total", effects.total}};
  if (!effects.restore.empty()) object["restore"] = effects.restore;
  return object;
}

json json_of(const EffectTruth& effects) {
  return {{"components", effects.components},
          {"unit", "logit"},
          {"sign",
           "metric of the clean run minus metric without the component; restore: gain over the "
           "corrupted run; dla: contribution with the clean run's scale"},
          {"values", effects.values}};
}

json json_of(const Task& task) {
  json object = {{"name", task.name}, {"summary", task.summary}};
  object["prompts"] = list_of(task.prompts, [](const PromptPair& p) { return json_of(p); });
  if (task.metric)
    object["metric"] = {{"kind", "logit_difference"},
                        {"clean", task.metric->clean},
                        {"corrupted", task.metric->corrupted}};
  if (!task.membership.empty()) {
    json& membership = object["membership"] = json::object();
    for (const auto& [name, value] : task.membership) membership[name] = text_of(value);
  }
  if (task.effects) object["effects"] = json_of(*task.effects);
  if (!task.neuron_effects.empty())
    object["neuron_effects"] =
        list_of(task.neuron_effects, [](const NeuronEffects& effects) { return json_of(effects); });
  if (task.edges) object["edges"] = json_of(*task.edges);
  if (task.readout) object["readout"] = json_of(*task.readout);
  if (task.restore_grid)
    object["restore_grid"] = {{"hook", task.restore_grid->hook},
                              {"values", task.restore_grid->values}};
  if (task.distribution)
    object["distribution"] = {{"entropy", task.distribution->entropy},
                              {"probability", task.distribution->probability},
                              {"surprisal", task.distribution->surprisal}};
  if (!task.attention.empty())
    object["attention"] =
        list_of(task.attention, [](const AttendedKey& key) { return json_of(key); });
  if (!task.train.empty())
    object["train"] =
        list_of(task.train, [](const TrainingPrompt& prompt) { return json_of(prompt); });
  if (!task.variable.empty()) object["variable"] = task.variable;
  return object;
}

}  // namespace

nlohmann::json to_json(const Truth& truth) {
  json object = {{"format", kTruthFormat}, {"name", truth.name}, {"summary", truth.summary}};
  object["origin"] = {{"kind", truth.origin.kind},
                      {"generator", truth.origin.generator},
                      {"seed", truth.origin.seed},
                      {"gauge", truth.origin.gauge},
                      {"leak", truth.origin.leak}};
  object["model"] = {{"config_sha256", truth.model.config_sha256},
                     {"weights_sha256", truth.model.weights_sha256},
                     {"dtype", truth.model.dtype},
                     {"effects_computed_in", truth.model.effects_computed_in}};
  if (!truth.vocabulary.empty()) object["vocabulary"] = truth.vocabulary;
  const auto roles = [](const Role& role) { return json_of(role); };
  object["components"] = list_of(truth.components, roles);
  object["neurons"] = list_of(truth.neurons, roles);
  object["readout"] = {{"answer_layer", or_null(truth.readout.answer_layer)},
                       {"information_layer", or_null(truth.readout.information_layer)}};
  object["variables"] =
      list_of(truth.variables, [](const StreamVariable& variable) { return json_of(variable); });
  if (truth.features) object["features"] = json_of(*truth.features);
  object["tasks"] = list_of(truth.tasks, [](const Task& task) { return json_of(task); });
  return object;
}

void write_truth(Truth truth, const std::filesystem::path& folder) {
  truth.model.config_sha256 = sha256_file(folder / "config.json");
  truth.model.weights_sha256 = sha256_file(folder / "model.safetensors");
  write_file_atomically(folder / kTruthFile, canonical_json(to_json(truth)) + "\n");
}

}  // namespace lensbench::grading
