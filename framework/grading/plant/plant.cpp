#include "grading/plant/plant.hpp"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <lensbench/error.hpp>
#include <utility>

#include "checkpoint/checkpoint.hpp"
#include "core/text/suggest.hpp"
#include "grading/exact/fill_truth.hpp"
#include "grading/plant/plan.hpp"
#include "grading/truth/component_name.hpp"
#include "grading/truth/truth_file.hpp"

namespace lensbench::grading {
namespace {

namespace fs = std::filesystem;

struct PlantedKind {
  PlantKind info;
  Plan (*plan)(const PlanRequest&, Philox&);
};

const std::vector<PlantedKind>& kinds() {
  static const std::vector<PlantedKind> all = {
      {{"bigram", "the next token depends on the current one alone: a table in an MLP"},
       plan_bigram},
      {{"induction", "A B … A is followed by B: previous-token head, induction head, suppressor"},
       plan_induction},
      {{"induction_llama", "the same in a Llama: rotary positions, keys that heads share"},
       plan_induction_llama},
      {{"fact", "two MLPs store each subject's values, either is enough; heads move them"},
       plan_fact},
      {{"fact_llama", "the same in a Llama: one head moves all values, a gated MLP chooses"},
       plan_fact_llama},
      {{"name_mover", "the name that is not repeated: inhibition, name mover, silent backup"},
       plan_name_mover},
      {{"boolean", "AND, OR or XOR of two bits: a head moves each, an MLP computes the answer"},
       plan_boolean},
      {{"mirror_bert", "a masked letter of a mirrored word, in an encoder that looks both ways"},
       plan_mirror_bert},
      {{"superposition", "24 sparse features in 16 dimensions, which a neuron each reads"},
       plan_superposition},
      {{"frac_prevs", "share of x among the tokens so far, in five buckets"}, plan_frac_prevs},
      {{"hist", "how often the current token has occurred"}, plan_hist},
      {{"dyck", "whether brackets are balanced, open or broken"}, plan_dyck},
      {{"reverse", "the tokens before | in reverse order"}, plan_reverse},
      {{"sort", "the tokens before | in ascending order"}, plan_sort},
  };
  return all;
}

const PlantedKind& find_kind(const std::string& name) {
  std::vector<std::string> names;
  for (const PlantedKind& kind : kinds()) {
    if (kind.info.name == name) return kind;
    names.push_back(kind.info.name);
  }
  throw UsageError("plant: unknown kind '" + name + "'" + suggest(name, names));
}

/// Whether one of the roles of a component, joined by +, is in a set.
bool has_role(const std::string& roles, const std::set<std::string>& wanted) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& role) {
    return ("+" + roles + "+").find("+" + role + "+") != std::string::npos;
  });
}

Membership membership_of(const Role& component, const PlannedTask& task) {
  if (has_role(component.role, task.members)) return Membership::member;
  if (has_role(component.role, task.ignored)) return Membership::ignored;
  return Membership::none;
}

std::vector<AttendedKey> attended(const PlannedTask& task, const std::vector<Role>& components) {
  std::vector<AttendedKey> keys;
  for (const PlannedAttention& planned : task.attention)
    for (const Role& component : components) {
      if (component.kind != "head" || component.role != planned.role) continue;
      AttendedKey key;
      key.head = component.name;
      key.causal = planned.causal;
      for (const PromptPair& prompt : task.prompts) key.keys.push_back(planned.key(prompt));
      keys.push_back(std::move(key));
    }
  return keys;
}

/// The task with the places that its roles got, before anything is measured.
Task place_task(const PlannedTask& planned, const Assembled& made) {
  Task task;
  task.name = planned.name;
  task.summary = planned.summary;
  task.prompts = planned.prompts;
  task.train = planned.train;
  task.variable = planned.variable;
  for (const Role& component : made.components)
    task.membership[component.name] = membership_of(component, planned);
  task.attention = attended(planned, made.components);
  std::set<std::int64_t> layers;
  for (const Role& neuron : made.neurons)
    if (has_role(neuron.role, planned.layers_of_neurons))
      layers.insert(parse_component(neuron.name)->layer);
  for (const std::int64_t layer : layers) task.neuron_effects.push_back({layer, {}, {}});
  return task;
}

void write_text(const fs::path& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw RunError(path.string() + ": cannot be written (is the disk full?)");
}

Truth plan_truth(const Plan& plan, const Assembled& made, const PlantRequest& request,
                 double leak) {
  Truth truth;
  truth.name = request.kind + (request.gauge == Gauge::rotated ? "_rotated" : "");
  truth.summary = plan.summary;
  truth.origin = {"wired", request.kind, request.seed,
                  request.gauge == Gauge::rotated ? "rotated" : "aligned", leak};
  truth.vocabulary = plan.wiring.vocabulary;
  truth.components = made.components;
  truth.neurons = made.neurons;
  truth.readout = plan.readout;
  truth.variables = plan.variables;
  truth.features = made.features;
  for (const PlannedTask& task : plan.tasks) truth.tasks.push_back(place_task(task, made));
  return truth;
}

}  // namespace

const std::vector<PlantKind>& plant_kinds() {
  static const std::vector<PlantKind> infos = [] {
    std::vector<PlantKind> all;
    for (const PlantedKind& kind : kinds()) all.push_back(kind.info);
    return all;
  }();
  return infos;
}

std::vector<PromptPair> draw_prompts(std::int64_t count, Philox& random,
                                     const std::function<PromptPair(Philox&)>& draw) {
  std::vector<PromptPair> prompts;
  std::set<std::vector<std::int64_t>> seen;
  for (std::int64_t tries = 0; tries < 1000 * count; ++tries) {
    if (static_cast<std::int64_t>(prompts.size()) == count) return prompts;
    PromptPair prompt = draw(random);
    if (seen.insert(prompt.ids).second) prompts.push_back(std::move(prompt));
  }
  throw UsageError("plant: there are not " + std::to_string(count) +
                   " different prompts; ask for fewer");
}

void add_training(PlannedTask& task, std::string variable, Philox& random,
                  const std::function<PromptPair(Philox&)>& draw,
                  const std::function<TrainingPrompt(const PromptPair&)>& labelled) {
  constexpr std::size_t kPrompts = 512, kTries = 20 * kPrompts;
  std::set<std::vector<std::int64_t>> taken;
  for (const PromptPair& prompt : task.prompts) taken.insert({prompt.ids, prompt.corrupted_ids});
  for (std::size_t tries = 0; tries < kTries && task.train.size() < kPrompts; ++tries)
    if (const PromptPair prompt = draw(random); taken.insert(prompt.ids).second)
      task.train.push_back(labelled(prompt));
  task.variable = std::move(variable);
}

Truth plant(const PlantRequest& request, const fs::path& folder) {
  const PlantedKind& kind = find_kind(request.kind);
  // The seed decides tokens, layout, basis and filler. Both gauges have the same plan.
  const double leak = request.gauge == Gauge::rotated ? 0.01 : 0.0;
  Philox random(static_cast<std::uint64_t>(request.seed), 0);
  const Plan plan = kind.plan({leak, request.prompts}, random);
  Philox basis(static_cast<std::uint64_t>(request.seed), 1);
  const Assembled made = assemble(plan.wiring, request.gauge, basis);
  write_text(folder / "config.json", made.config.dump(1) + "\n");
  write_safetensors(folder / "model.safetensors", made.tensors, {{"format", "pt"}});
  Truth truth = plan_truth(plan, made, request, leak);
  fill_truth(truth, read_exact_model(Checkpoint(folder)), request.edges);
  write_truth(truth, folder);
  return truth;
}

}  // namespace lensbench::grading
