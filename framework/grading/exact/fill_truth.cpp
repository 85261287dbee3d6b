#include "grading/exact/fill_truth.hpp"

#include <cmath>

#include "grading/exact/measure.hpp"
#include "grading/exact/measure_edges.hpp"

namespace lensbench::grading {
namespace {

// An edge is a member from this share of the gap on, and left out below the other.
constexpr double kMemberEdge = 0.05, kLeftOutEdge = 0.005;

double rounded(double value) {
  if (value == 0.0 || !std::isfinite(value)) return value;
  const double unit = std::pow(10.0, std::floor(std::log10(std::fabs(value))) - 5);
  return std::round(value / unit) * unit;
}

std::vector<double> rounded(std::vector<double> values) {
  for (double& value : values) value = rounded(value);
  return values;
}

Table rounded(Table table) {
  for (auto& row : table) row = rounded(std::move(row));
  return table;
}

EdgeTruth edges_of(const ExactTask& task) {
  const double gap = std::fabs(task.gap());
  const std::vector<EdgeEffect> all = measure_edges(task);
  EdgeTruth edges;
  edges.count = static_cast<std::int64_t>(all.size());
  for (const EdgeEffect& edge : all) {
    if (std::fabs(edge.mean) < kLeftOutEdge * gap) continue;
    edges.total.push_back({edge.edge, rounded(edge.mean)});
    if (std::fabs(edge.mean) >= kMemberEdge * gap) edges.member.push_back(edge.edge);
  }
  return edges;
}

void fill_task(Task& task, const Truth& truth, const ExactModel& model, bool edges) {
  const ExactTask exact = run_task(model, task.prompts, task.name);
  task.metric = MetricTruth{rounded(to_numbers(exact.clean_metric)),
                            rounded(to_numbers(exact.corrupted_metric))};
  std::vector<std::string> names;
  names.reserve(truth.components.size());
  for (const Role& component : truth.components) names.push_back(component.name);
  task.effects = measure_effects(exact, names);
  for (auto& [kind, table] : task.effects->values) table = rounded(std::move(table));
  for (NeuronEffects& neurons : task.neuron_effects) {
    neurons = measure_neurons(exact, neurons.layer);
    neurons.total = rounded(std::move(neurons.total));
    neurons.restore = rounded(std::move(neurons.restore));
  }
  task.readout = measure_readout(exact);
  task.readout->probability = rounded(std::move(task.readout->probability));
  task.restore_grid = RestoreGrid{"resid_pre, last row resid_post of the last block",
                                  rounded(measure_restore_grid(exact))};
  for (AttendedKey& key : task.attention)
    key.mass = rounded(measure_attention(exact, key, task.prompts));
  if (model.spec.attention.causal) {
    task.distribution = measure_distribution(exact);
    for (Table* table : {&task.distribution->entropy, &task.distribution->probability,
                         &task.distribution->surprisal})
      *table = rounded(std::move(*table));
  }
  // An edge is a part of a sum that its reader normalises, which BERT's streams are not.
  if (edges && !model.adds_to_norm()) task.edges = edges_of(exact);
}

}  // namespace

void fill_truth(Truth& truth, const ExactModel& model, bool edges) {
  for (Task& task : truth.tasks)
    if (!task.prompts.empty() && task.prompts[0].foil >= 0) fill_task(task, truth, model, edges);
}

}  // namespace lensbench::grading
