#include "grading/check/check_planted.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>

#include <map>
#include <sstream>

#include "grading/check/comparison.hpp"
#include "grading/exact/measure.hpp"
#include "grading/exact/measure_edges.hpp"

namespace lensbench::grading {
namespace {

// Probabilities, shares and attention are between 0 and 1.
constexpr double kShare = 1e-4;
// Part of the gap that an effect may differ by.
constexpr double kOfGap = 1e-4;
// An edge that a truth leaves out is smaller than this part of the gap.
constexpr double kLeftOut = 0.005;
// Members have at least this part of the gap, other components at most the second.
constexpr double kMember = 0.1, kOther = 0.05, kOtherTrained = 0.1;

std::string layer_name(std::size_t layer) {
  return "layer " + std::to_string(layer);
}

void check_edges(const ExactTask& task, const EdgeTruth& stated, Comparison& compare) {
  const std::vector<EdgeEffect> found = measure_edges(task);
  const double gap = std::fabs(task.gap());
  if (stated.count > 0)
    compare.number("edges.count", "", {}, static_cast<double>(found.size()),
                   static_cast<double>(stated.count));
  std::map<Edge, double> by_edge;
  for (const EdgeEffect& edge : stated.total) by_edge[edge.edge] = edge.mean;
  for (const EdgeEffect& edge : found) {
    const auto known = by_edge.find(edge.edge);
    const std::string item =
        "edge " + edge.edge.source + " to " + edge.edge.target + "." + edge.edge.slot;
    if (known != by_edge.end())
      compare.number("edges.total", item, {}, edge.mean, known->second, 4);
    else if (std::fabs(edge.mean) > kLeftOut * gap)
      compare.number("edges.total", item + " (left out)", {}, edge.mean, 0.0);
    by_edge.erase(edge.edge);
  }
  for (const auto& [edge, mean] : by_edge)
    compare.number("edges.total",
                   "edge " + edge.source + " to " + edge.target + "." + edge.slot +
                       " (the model does not have it)",
                   {}, std::nan(""), mean);
}

void check_readout(const ExactTask& task, const ReadoutTruth& stated, CheckedTruth& result,
                   const std::string& field) {
  const ReadoutTruth found = measure_readout(task);
  Comparison compare(result, field, kShare);
  compare.table("readout.probability", found.probability, stated.probability, layer_name);
  Comparison exact(result, field, 0.0);
  for (std::size_t layer = 0; layer < stated.rank.size(); ++layer)
    for (std::size_t prompt = 0; prompt < stated.rank[layer].size(); ++prompt)
      exact.number("readout.rank", layer_name(layer), prompt,
                   static_cast<double>(found.rank[layer][prompt]),
                   static_cast<double>(stated.rank[layer][prompt]), 17);
  const auto& first = stated.first_correct_layer;
  for (std::size_t prompt = 0; prompt < first.size(); ++prompt)
    exact.number("readout.first_correct_layer", "", prompt,
                 static_cast<double>(found.first_correct_layer[prompt].value_or(-1)),
                 static_cast<double>(first[prompt].value_or(-1)), 17);
}

/// Mean size: an effect may support the answer on one prompt and the foil on another.
double mean_size(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += std::fabs(value);
  return sum / static_cast<double>(values.size());
}

/// Members must have an effect, in noising or in denoising, and other components must not.
void check_membership(const Task& stated, const EffectTruth& found, double gap, bool trained,
                      CheckedTruth& result, const std::string& field) {
  for (std::size_t i = 0; i < found.components.size(); ++i) {
    const std::string& name = found.components[i];
    const auto known = stated.membership.find(name);
    if (known == stated.membership.end() || known->second == Membership::ignored) continue;
    const bool member = known->second == Membership::member;
    const double effect =
        std::max(mean_size(found.values.at("total")[i]), mean_size(found.values.at("restore")[i])) /
        gap;
    ++result.numbers;
    const double limit = member ? kMember : trained ? kOtherTrained : kOther;
    if (member ? effect >= limit : effect <= limit) continue;
    result.wrong.push_back({field + ".membership (share of the gap)",
                            "component " + name + (member ? " (member)" : " (none)"),
                            {},
                            effect,
                            limit});
  }
}

void check_effects(const ExactTask& task, const Task& stated, Comparison& compare,
                   CheckedTruth& result, const std::string& field, bool trained) {
  const EffectTruth found = measure_effects(task, stated.effects->components);
  for (const auto& [kind, table] : stated.effects->values) {
    const auto known = found.values.find(kind);
    if (known == found.values.end()) continue;
    compare.table("effects.values." + kind, known->second, table,
                  [&](std::size_t row) { return "component " + found.components[row]; });
  }
  check_membership(stated, found, std::fabs(task.gap()), trained, result, field);
}

void check_grid(const Table& found, const Table& stated, Comparison& compare) {
  for (std::size_t layer = 0; layer < stated.size(); ++layer)
    for (std::size_t position = 0; position < stated[layer].size(); ++position)
      compare.number("restore_grid.values",
                     layer_name(layer) + ", position " + std::to_string(position), {},
                     found[layer][position], stated[layer][position], 4);
}

void check_distribution(const ExactTask& task, const DistributionTruth& stated,
                        Comparison& compare) {
  const DistributionTruth found = measure_distribution(task);
  const auto name = [](std::size_t row) { return "position " + std::to_string(row + 1); };
  compare.table("distribution.entropy", found.entropy, stated.entropy, name);
  compare.table("distribution.probability", found.probability, stated.probability, name);
  compare.table("distribution.surprisal", found.surprisal, stated.surprisal, name);
}

void check_task(const Task& stated, const ExactModel& model, bool trained, CheckedTruth& result) {
  if (!stated.metric && !stated.effects && !stated.edges && !stated.readout &&
      !stated.restore_grid && !stated.distribution && stated.neuron_effects.empty() &&
      stated.attention.empty())
    return;
  const ExactTask task = run_task(model, stated.prompts, stated.name);
  const std::string field = "tasks[" + stated.name + "]";
  Comparison compare(result, field, kOfGap * std::fabs(task.gap()));
  if (stated.metric) {
    compare.numbers("metric.clean", "", to_numbers(task.clean_metric), stated.metric->clean);
    compare.numbers("metric.corrupted", "", to_numbers(task.corrupted_metric),
                    stated.metric->corrupted);
  }
  if (stated.effects) check_effects(task, stated, compare, result, field, trained);
  for (const NeuronEffects& neurons : stated.neuron_effects) {
    const NeuronEffects found = measure_neurons(task, neurons.layer);
    const auto name = [&](std::size_t row) {
      return component_name(
          {ComponentPlace::Kind::neuron, neurons.layer, static_cast<std::int64_t>(row)});
    };
    compare.table("neuron_effects.total", found.total, neurons.total, name);
    compare.table("neuron_effects.restore", found.restore, neurons.restore, name);
  }
  if (stated.edges) check_edges(task, *stated.edges, compare);
  if (stated.readout) check_readout(task, *stated.readout, result, field);
  Comparison shares(result, field, kShare);
  if (stated.restore_grid)
    check_grid(measure_restore_grid(task), stated.restore_grid->values, shares);
  if (stated.distribution) check_distribution(task, *stated.distribution, shares);
  for (const AttendedKey& key : stated.attention)
    shares.numbers("attention.mass", "head " + key.head,
                   measure_attention(task, key, stated.prompts), key.mass);
}

/// The stream that a token begins with is what its features say.
void check_features(const FeatureTruth& features, const ExactModel& model, CheckedTruth& result) {
  const at::Tensor stream =
      model.positions.defined() ? model.embedding + model.positions[0] : model.embedding;
  for (std::size_t id = 0; id < features.token_activation.size(); ++id) {
    std::vector<double> stated = features.constant;
    stated.resize(static_cast<std::size_t>(model.spec.d_model));
    for (const auto& [feature, activation] : features.token_activation[id])
      for (std::size_t i = 0; i < stated.size(); ++i)
        stated[i] += activation * features.direction[static_cast<std::size_t>(feature)][i];
    Comparison(result, "features", 1e-4)
        .numbers("direction", "embedding of token " + std::to_string(id),
                 to_numbers(stream[static_cast<std::int64_t>(id)]), stated);
  }
}

}  // namespace

std::string describe(const WrongNumber& number) {
  std::ostringstream text;
  text.precision(7);
  text << number.field;
  if (!number.item.empty()) text << ", " << number.item;
  if (number.prompt) text << ", prompt " << *number.prompt;
  text << ": found " << number.found << ", stated " << number.stated;
  return text.str();
}

CheckedTruth check_planted(const Truth& truth, const ExactModel& model) {
  CheckedTruth result;
  for (const Task& task : truth.tasks)
    check_task(task, model, truth.origin.kind != "wired" && truth.origin.kind != "compiled",
               result);
  if (truth.features) check_features(*truth.features, model, result);
  return result;
}

}  // namespace lensbench::grading
