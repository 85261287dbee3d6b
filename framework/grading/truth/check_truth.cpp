#include "grading/truth/check_truth.hpp"

#include <algorithm>
#include <lensbench/error.hpp>
#include <set>

#include "grading/truth/component_name.hpp"

// What a truth may say about a model of a given shape. Every index is checked here, so that scores
// never look outside a table.

namespace lensbench::grading {
namespace {

/// A field of a truth, for messages.
struct Place {
  const std::string& file;
  std::string field;

  Place operator/(const std::string& name) const {
    return {file, field.empty() ? name : field + "." + name};
  }
  Place operator[](std::size_t i) const { return {file, field + "[" + std::to_string(i) + "]"}; }
  [[noreturn]] void fail(const std::string& message) const {
    throw InputError(file + ": field " + field + ": " + message);
  }
};

void require_below(std::int64_t value, std::int64_t limit, const char* what, const Place& place) {
  if (value < 0 || value >= limit)
    place.fail(std::string(what) + " is " + std::to_string(value) + ", expected 0 to " +
               std::to_string(limit - 1) + "; correct it, or the model is another one");
}

void require_size(std::size_t found, std::size_t expected, const char* what, const Place& place) {
  if (found != expected)
    place.fail("has " + std::to_string(found) + " " + what + ", expected " +
               std::to_string(expected) + "; give one number for each");
}

/// Checks a table of `rows` rows, each of `columns` numbers.
template <class Rows>
void require_table(const Rows& table, std::size_t rows, const char* row, std::size_t columns,
                   const char* column, const Place& place) {
  require_size(table.size(), rows, row, place);
  for (std::size_t i = 0; i < table.size(); ++i)
    require_size(table[i].size(), columns, column, place[i]);
}

void check_component(const std::string& name, const TransformerSpec& spec, const Place& place) {
  const auto component = parse_component(name);
  using Kind = ComponentPlace::Kind;
  const bool exists =
      component && component->layer < spec.n_layers &&
      (component->kind != Kind::head || component->index < spec.attention.n_heads) &&
      (component->kind != Kind::neuron || component->index < spec.mlp.d_mlp);
  if (!exists)
    place.fail("the model does not have the component '" + name + "' (" +
               std::to_string(spec.n_layers) + " blocks of " +
               std::to_string(spec.attention.n_heads) +
               " heads); names are L0H1, 0_mlp_out, 0_attn_out, L0N3, counted from 0");
}

/// Ends of edges are components, the embedding or the logits.
void check_edge(const Edge& edge, const TransformerSpec& spec, const Place& place) {
  if (edge.source != "embed") check_component(edge.source, spec, place / "source");
  if (edge.target != "logits") check_component(edge.target, spec, place / "target");
}

void check_ids(const std::vector<std::int64_t>& ids, const TransformerSpec& spec,
               const Place& place) {
  if (ids.empty()) place.fail("is empty; give the ids of a prompt");
  for (std::size_t i = 0; i < ids.size(); ++i)
    require_below(ids[i], spec.vocab_size, "the token id", place[i]);
}

void check_prompt(const PromptPair& prompt, const TransformerSpec& spec, const Place& place) {
  check_ids(prompt.ids, spec, place / "ids");
  const auto length = static_cast<std::int64_t>(prompt.ids.size());
  if (!prompt.corrupted_ids.empty()) {
    check_ids(prompt.corrupted_ids, spec, place / "corrupted_ids");
    if (prompt.corrupted_ids.size() != prompt.ids.size())
      (place / "corrupted_ids")
          .fail("has " + std::to_string(prompt.corrupted_ids.size()) +
                " ids, but the field ids has " + std::to_string(prompt.ids.size()) +
                "; the two prompts of a pair must have one length");
  }
  if (prompt.answer >= 0)
    require_below(prompt.answer, spec.vocab_size, "the token id", place / "answer");
  if (prompt.foil >= 0) require_below(prompt.foil, spec.vocab_size, "the token id", place / "foil");
  if (prompt.foil >= 0 && prompt.foil == prompt.answer)
    (place / "foil").fail("is the answer; name another token");
  if (prompt.position >= 0)
    require_below(prompt.position, length, "the position", place / "position");
  for (const auto& [name, position] : prompt.sources)
    require_below(position, length, "the position", place / "sources" / name);
}

void check_effects(const EffectTruth& effects, std::size_t prompts, const TransformerSpec& spec,
                   const Place& place) {
  std::set<std::string> seen;
  for (std::size_t i = 0; i < effects.components.size(); ++i) {
    check_component(effects.components[i], spec, (place / "components")[i]);
    if (!seen.insert(effects.components[i]).second)
      (place / "components")[i].fail("'" + effects.components[i] +
                                     "' is named twice; name each component once");
  }
  for (const auto& [kind, values] : effects.values)
    require_table(values, effects.components.size(), "components", prompts, "prompts",
                  place / "values" / kind);
}

void check_neurons(const NeuronEffects& effects, std::size_t prompts, const TransformerSpec& spec,
                   const Place& place) {
  require_below(effects.layer, spec.n_layers, "the block", place / "layer");
  const auto neurons = static_cast<std::size_t>(spec.mlp.d_mlp);
  require_table(effects.total, neurons, "neurons", prompts, "prompts", place / "total");
  if (!effects.restore.empty())
    require_table(effects.restore, neurons, "neurons", prompts, "prompts", place / "restore");
}

void check_readout(const ReadoutTruth& readout, std::size_t prompts, const TransformerSpec& spec,
                   const Place& place) {
  const auto layers = static_cast<std::size_t>(spec.n_layers + 1);
  if (!readout.probability.empty())
    require_table(readout.probability, layers, "layers", prompts, "prompts", place / "probability");
  if (!readout.rank.empty())
    require_table(readout.rank, layers, "layers", prompts, "prompts", place / "rank");
  if (!readout.rank_ties.empty())
    require_table(readout.rank_ties, layers, "layers", prompts, "prompts", place / "rank_ties");
  const auto& first = readout.first_correct_layer;
  if (!first.empty()) require_size(first.size(), prompts, "prompts", place / "first_correct_layer");
  for (std::size_t i = 0; i < first.size(); ++i)
    if (first[i])
      require_below(*first[i], spec.n_layers + 1, "the layer", (place / "first_correct_layer")[i]);
}

void check_attended(const AttendedKey& key, const Task& task, const TransformerSpec& spec,
                    const Place& place) {
  check_component(key.head, spec, place / "head");
  require_size(key.keys.size(), task.prompts.size(), "prompts", place / "keys");
  if (!key.mass.empty())
    require_size(key.mass.size(), task.prompts.size(), "prompts", place / "mass");
  for (std::size_t i = 0; i < key.keys.size(); ++i) {
    const PromptPair& prompt = task.prompts[i];
    require_below(key.keys[i], static_cast<std::int64_t>(prompt.ids.size()), "the position",
                  (place / "keys")[i]);
    if (key.query == "position" ? prompt.position < 0 : !prompt.sources.contains(key.query))
      (place / "query")
          .fail("prompt " + std::to_string(i) + " does not have '" + key.query +
                "'; use position or a name in its field sources");
  }
}

void check_prompts(const Task& task, const TransformerSpec& spec, const Place& place) {
  if (task.prompts.empty()) place.fail("is empty; give at least one prompt");
  for (std::size_t i = 0; i < task.prompts.size(); ++i) {
    check_prompt(task.prompts[i], spec, place[i]);
    if (task.prompts[i].ids.size() != task.prompts[0].ids.size())
      (place[i] / "ids")
          .fail("has " + std::to_string(task.prompts[i].ids.size()) +
                " ids, but the first prompt has " + std::to_string(task.prompts[0].ids.size()) +
                "; all prompts of a task must have one length");
  }
}

void check_training(const std::vector<TrainingPrompt>& prompts, const TransformerSpec& spec,
                    const Place& place) {
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    check_ids(prompts[i].ids, spec, place[i] / "ids");
    if (prompts[i].position)
      require_below(*prompts[i].position, static_cast<std::int64_t>(prompts[i].ids.size()),
                    "the position", place[i] / "position");
  }
}

void check_grid(const RestoreGrid& grid, const Task& task, const TransformerSpec& spec,
                const Place& place) {
  require_table(grid.values, static_cast<std::size_t>(spec.n_layers + 1), "layers",
                task.prompts[0].ids.size(), "positions", place / "values");
}

void check_distribution(const DistributionTruth& distribution, const Task& task,
                        const Place& place) {
  const std::size_t later = task.prompts[0].ids.size() - 1, prompts = task.prompts.size();
  const auto require = [&](const Table& table, const char* name) {
    if (!table.empty())
      require_table(table, later, "positions after the first", prompts, "prompts", place / name);
  };
  require(distribution.entropy, "entropy");
  require(distribution.probability, "probability");
  require(distribution.surprisal, "surprisal");
}

/// Effects and readouts are of a token at a position.
void require_question(const Task& task, const Place& place) {
  for (std::size_t i = 0; i < task.prompts.size(); ++i) {
    const PromptPair& prompt = task.prompts[i];
    if (prompt.answer < 0 || prompt.position < 0 || (task.metric && prompt.foil < 0))
      (place / "prompts")[i].fail(
          "answer, foil or position is missing, which the task's effects and readout are about; "
          "add them");
  }
}

void check_task(const Task& task, const TransformerSpec& spec, const Place& place) {
  check_prompts(task, spec, place / "prompts");
  check_training(task.train, spec, place / "train");
  const std::size_t prompts = task.prompts.size();
  if (task.metric || task.effects || task.readout || task.restore_grid)
    require_question(task, place);
  if (task.metric) {
    require_size(task.metric->clean.size(), prompts, "prompts", place / "metric" / "clean");
    require_size(task.metric->corrupted.size(), prompts, "prompts", place / "metric" / "corrupted");
  }
  for (const auto& [name, membership] : task.membership)
    check_component(name, spec, place / "membership");
  if (task.effects) check_effects(*task.effects, prompts, spec, place / "effects");
  for (std::size_t i = 0; i < task.neuron_effects.size(); ++i)
    check_neurons(task.neuron_effects[i], prompts, spec, (place / "neuron_effects")[i]);
  if (task.edges) {
    for (std::size_t i = 0; i < task.edges->member.size(); ++i)
      check_edge(task.edges->member[i], spec, (place / "edges" / "member")[i]);
    for (std::size_t i = 0; i < task.edges->total.size(); ++i)
      check_edge(task.edges->total[i].edge, spec, (place / "edges" / "total")[i]);
  }
  if (task.readout) check_readout(*task.readout, prompts, spec, place / "readout");
  if (task.restore_grid) check_grid(*task.restore_grid, task, spec, place / "restore_grid");
  if (task.distribution) check_distribution(*task.distribution, task, place / "distribution");
  for (std::size_t i = 0; i < task.attention.size(); ++i)
    check_attended(task.attention[i], task, spec, (place / "attention")[i]);
}

void check_features(const FeatureTruth& features, const TransformerSpec& spec, const Place& place) {
  const auto width = static_cast<std::size_t>(spec.d_model);
  const auto count = static_cast<std::int64_t>(features.direction.size());
  for (std::size_t i = 0; i < features.direction.size(); ++i)
    require_size(features.direction[i].size(), width, "numbers", (place / "direction")[i]);
  if (!features.constant.empty())
    require_size(features.constant.size(), width, "numbers", place / "constant");
  if (!features.token_activation.empty())
    require_size(features.token_activation.size(), static_cast<std::size_t>(spec.vocab_size),
                 "tokens", place / "token_activation");
  for (std::size_t i = 0; i < features.token_activation.size(); ++i)
    for (const auto& [feature, activation] : features.token_activation[i])
      require_below(feature, count, "the feature", (place / "token_activation")[i]);
}

void check_planted_layers(const Truth& truth, const TransformerSpec& spec, const Place& root) {
  const std::int64_t layers = spec.n_layers + 1;
  const Place readout = root / "readout";
  if (truth.readout.answer_layer)
    require_below(*truth.readout.answer_layer, layers, "the layer", readout / "answer_layer");
  if (truth.readout.information_layer)
    require_below(*truth.readout.information_layer, layers, "the layer",
                  readout / "information_layer");
  for (std::size_t i = 0; i < truth.variables.size(); ++i) {
    const Place place = (root / "variables")[i];
    const StreamVariable& variable = truth.variables[i];
    if (variable.written_layer)
      require_below(*variable.written_layer, layers, "the layer", place / "written_layer");
    for (std::size_t k = 0; k < variable.absent_layers.size(); ++k)
      require_below(variable.absent_layers[k], layers, "the layer", (place / "absent_layers")[k]);
  }
}

/// Labels say a variable that the truth knows.
void check_labels(const Task& task, const std::vector<StreamVariable>& variables,
                  const Place& place) {
  if (task.variable.empty()) return;
  if (std::none_of(variables.begin(), variables.end(),
                   [&](const StreamVariable& variable) { return variable.name == task.variable; }))
    (place / "variable")
        .fail("'" + task.variable + "' is not among the variables of the truth; add it to them");
  for (std::size_t i = 0; i < task.train.size(); ++i)
    if (!task.train[i].label || !task.train[i].position)
      (place / "train")[i].fail("label or position is missing, which say the variable '" +
                                task.variable + "'; add them");
}

}  // namespace

void check_truth(const Truth& truth, const TransformerSpec& spec, const std::string& file) {
  const Place root{file, ""};
  for (std::size_t i = 0; i < truth.components.size(); ++i)
    check_component(truth.components[i].name, spec, (root / "components")[i] / "name");
  for (std::size_t i = 0; i < truth.neurons.size(); ++i)
    check_component(truth.neurons[i].name, spec, (root / "neurons")[i] / "name");
  check_planted_layers(truth, spec, root);
  if (truth.features) check_features(*truth.features, spec, root / "features");
  std::set<std::string> names;
  for (std::size_t i = 0; i < truth.tasks.size(); ++i) {
    const Place place = (root / "tasks")[i];
    if (!names.insert(truth.tasks[i].name).second)
      (place / "name").fail("two tasks are called '" + truth.tasks[i].name + "'; rename one");
    check_task(truth.tasks[i], spec, place);
    check_labels(truth.tasks[i], truth.variables, place);
  }
}

}  // namespace lensbench::grading
