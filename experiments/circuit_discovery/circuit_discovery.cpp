// Which edges carry a task, and how much of it a circuit of them gives: edges are ranked over one
// half of the pairs of prompts, and their circuits are measured on the other half.

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/tools/edge_attribution.hpp>
#include <optional>

#include "common/circuit_results.hpp"
#include "common/edge_circuits.hpp"
#include "ranked_edges.hpp"

namespace circuit_discovery {
namespace {

using namespace lensbench;

EdgeAttributionOptions options_of(const Model& model, const Parameters& given) {
  EdgeAttributionOptions options;
  options.metric = metric_options(model, given);
  options.method = given.text("method");
  options.steps = given.integer("steps");
  options.ablation = given.text("ablation");
  options.min_gap = given.number("min_gap");
  options.reference = given.text("reference");
  // The circuits of this experiment come from the mean over cases.
  options.proportions = {};
  return options;
}

/// Shares in rising order.
std::vector<double> shares_of(const Parameters& given) {
  std::vector<double> shares = given.numbers("proportions");
  std::sort(shares.begin(), shares.end());
  shares.erase(std::unique(shares.begin(), shares.end()), shares.end());
  return shares;
}

void add_scalar(Dataset& dataset, const char* name, double value, const std::string& units,
                const char* long_name) {
  dataset.add(name, {}, at::scalar_tensor(value, at::kDouble), units, long_name);
}

/// What one case measured.
Dataset result_of(const CircuitMetrics& found, std::int64_t shares, std::int64_t draws,
                  const std::string& units, bool carries_a_run) {
  Dataset result;
  const at::Tensor metrics = at::tensor(found.metrics, at::kDouble);
  result.add_coordinate("ranking", std::vector<std::string>{"importance", "magnitude"},
                        "number by which edges are ranked");
  result.add("circuit_metric", {"ranking", "proportion"},
             metrics.narrow(0, 0, 2 * shares).view({2, shares}), units,
             "metric of the circuit, everything else ablated");
  result.add("random_metric", {"proportion", "draw"},
             metrics.narrow(0, 2 * shares, shares * draws).view({shares, draws}), units,
             "metric of circuits of as many random edges");
  add_scalar(result, "all_metric", found.all, units, "metric of the circuit of all edges");
  add_scalar(result, "none_metric", found.none, units, "metric of the circuit without an edge");
  result.receipts = common::circuit_receipts(found, carries_a_run);
  return result;
}

/// Values of one variable of every measuring case, [case, value] float64.
at::Tensor rows_of(const std::vector<Dataset>& runs, const char* name) {
  std::vector<at::Tensor> rows;
  rows.reserve(runs.size());
  for (const Dataset& run : runs) rows.push_back(run[name].tensor.flatten().to(at::kDouble));
  return at::stack(rows);
}

}  // namespace

class CircuitDiscovery final : public Experiment {
 public:
  static constexpr ParameterSpec kParameters[] = {
      metric_parameters::kCorrupted,
      metric_parameters::kCorruptedIds,
      metric_parameters::kTarget,
      metric_parameters::kVersus,
      metric_parameters::kMetric,
      metric_parameters::kPosition,
      {"method", ParameterType::choice, "ig_inputs", "",
       "how edges are scored: eap, clean_corrupted, ig_inputs, ig_activations, or exact (one run "
       "for each edge)",
       "eap|clean_corrupted|ig_inputs|ig_activations|exact"},
      {"steps", ParameterType::integer, "10", "1", "points of the integral", "[1, 1000]"},
      {"ablation", ParameterType::choice, "patching", "",
       "what edges outside of a circuit carry: patching gives the corrupted run's value, zero "
       "nothing, mean the node's mean over all positions of the reference prompts",
       "patching|zero|mean"},
      {"reference", ParameterType::file, "", "",
       "prompts that mean averages over, one in each line or JSONL (default: all cases)"},
      {"proportions", ParameterType::numbers, "0.001,0.002,0.005,0.01,0.02,0.05,0.1,0.2,0.5,1", "1",
       "shares of the edges that circuits keep", "+[0, 1]"},
      {"random_draws", ParameterType::integer, "10", "1", "random circuits for each share",
       "[0, 1000]"},
      metric_parameters::kMinGap,
  };

  std::int64_t passes(const Parameters&) const override { return 2; }

  void check_parameters(const Parameters& parameters, const Model& model) override {
    options_of(model, parameters);
    shares_of(parameters);
    edges_->check_compatible(model);
    edges_->check_parameters(edges_->parameters(
        {{"ablation", parameters.text("ablation")}, {"reference", parameters.text("reference")}}));
  }

  /// The first pass scores edges on every other case, the second runs circuits on the others.
  void run(Case& c) override {
    const EdgeAttributionOptions options = options_of(c.model(), c.parameters());
    if (c.pass() == 0) {
      if (chooses(c.index()))
        c.save("edges", edges_->attribute_edges(c.tokens(), c.corrupted(), c.target(), options));
      return;
    }
    if (chooses(c.index())) return;
    const std::vector<double> shares = shares_of(c.parameters());
    const std::int64_t draws = c.parameters().integer("random_draws");
    if (!circuits_.defined())
      circuits_ =
          common::circuits_of(scores_of(c.earlier()).importance.mean(0), shares, draws, c.seed());
    const CircuitMetrics found =
        edges_->run_circuits(c.tokens(), c.corrupted(), c.target(), circuits_, options);
    const Metric metric = options.metric.metric.value_or(
        options.metric.versus ? Metric::logit_difference : Metric::log_probability);
    c.save("circuits", result_of(found, std::ssize(shares), draws, units_of(metric),
                                 options.ablation == "patching"));
  }

  void finish(Summary& summary) override {
    const std::vector<double> shares = shares_of(summary.parameters());
    const EdgeScores scores = scores_of(summary);
    std::vector<Dataset> runs;
    for (const std::int64_t number : summary.cases())
      if (!chooses(number)) runs.push_back(summary.dataset(number, "circuits"));
    if (runs.empty())
      throw UsageError(
          "circuit_discovery: found a single pair of prompts; give at least two, since edges are "
          "chosen on the first, the third, … and measured on the others");
    Dataset table;
    common::add_ranked_edges(table, scores.first, scores.importance, shares, summary.seed(),
                             "cases");
    common::add_faithfulness(
        table,
        {rows_of(runs, "circuit_metric"), rows_of(runs, "random_metric"),
         rows_of(runs, "all_metric").flatten(), rows_of(runs, "none_metric").flatten()},
        shares, summary.parameters().number("min_gap"), summary.seed(),
        runs.front()["circuit_metric"].units, "cases");
    summary.save("circuit", std::move(table));
  }

 private:
  Uses<EdgeAttribution> edges_{this, "edge_attribution"};
  at::Tensor circuits_;  ///< circuits for all measuring cases, from the first pass
};

}  // namespace circuit_discovery

using circuit_discovery::CircuitDiscovery;

LENSBENCH_EXPERIMENT(CircuitDiscovery, "circuit_discovery", "1.0.0",
                     "Which edges carry a task, and how much of it does a circuit of them give on "
                     "other prompts?");
