// Which edges carry a task, and how much of it a circuit of them gives: edges are ranked over one
// half of the pairs of prompts, and their circuits are measured on the other half.

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/plugin.hpp>
#include <lensbench/statistics.hpp>
#include <lensbench/tools/edge_attribution.hpp>
#include <optional>

#include "common/results.hpp"
#include "faithfulness.hpp"
#include "ranked_edges.hpp"

namespace circuit_discovery {
namespace {

using namespace lensbench;

/// Random samples of cases for the stability of the best edges.
constexpr std::int64_t kStabilitySamples = 200;
/// Stability below which a circuit is called unstable (arXiv:2510.00845).
constexpr double kStable = 0.8;

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

/// Shares in rising order. \throws UsageError for none
std::vector<double> shares_of(const Parameters& given) {
  std::vector<double> shares = given.numbers("proportions");
  std::sort(shares.begin(), shares.end());
  shares.erase(std::unique(shares.begin(), shares.end()), shares.end());
  if (shares.empty())
    throw UsageError(
        "circuit_discovery: proportions is empty; give shares of the edges, such as "
        "0.01,0.1,1");
  return shares;
}

void add_scalar(Dataset& dataset, const char* name, double value, const std::string& units,
                const char* long_name) {
  dataset.add(name, {}, at::scalar_tensor(value, at::kDouble), units, long_name);
}

/// Difference in units of the gap, or of the metrics where those are larger.
double relative(double a, double b, double gap) {
  return std::abs(a - b) / std::max({std::abs(gap), std::abs(a), std::abs(b), 1e-6});
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
  const double gap = found.corrupted - found.clean;
  result.receipts.push_back(make_receipt("all_edges_give_the_clean_run",
                                         relative(found.all, found.clean, gap), 1e-4,
                                         "relative to the gap or the metric; order of rounding"));
  if (carries_a_run)
    result.receipts.push_back(make_receipt("no_edge_gives_the_corrupted_run",
                                           relative(found.none, found.corrupted, gap), 1e-4,
                                           "relative to the gap or the metric; order of rounding"));
  return result;
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
       "shares of the edges that circuits keep", "[0, 1]"},
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
      circuits_ = circuits_of(scores_of(c.earlier()).importance.mean(0), shares, draws, c.seed());
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
    add_edges(table, scores, shares, summary);
    add_faithfulness(table, runs, shares, summary.parameters().number("min_gap"), summary.seed());
    summary.save("circuit", std::move(table));
  }

 private:
  static void add_edges(Dataset& table, const EdgeScores& scores, const std::vector<double>& shares,
                        const Summary& summary) {
    for (const char* name : {"source", "target", "slot"}) table.add(scores.first[name]);
    const Variable& like = scores.first["importance"];
    const at::Tensor mean = scores.importance.mean(0);
    table.add("importance", {"edge"}, mean, like.units,
              like.long_name + ", mean over the cases that choose edges");
    table.set_attribute("importance", "view", std::string("graph"));
    const std::int64_t edges = mean.size(0);
    std::vector<std::int64_t> kept;
    kept.reserve(shares.size());
    for (const double share : shares) kept.push_back(kept_of(share, edges));
    table.add("edges_kept", {"proportion"}, at::tensor(kept, at::kLong), "1",
              "edges of the circuit, floor(share * edges)");
    const std::vector<double> stability =
        stability_of(scores.importance, shares, kStabilitySamples, summary.seed());
    table.add("edge_stability", {"proportion"}, at::tensor(stability, at::kDouble), "1",
              "Jaccard index of the best edges of random samples of the cases and of all cases, "
              "mean over samples; below 0.8 another set of prompts may choose other edges (NaN: no "
              "edge, or one case)");
    table.set_attribute("edge_stability", "samples", kStabilitySamples);
    const auto unstable = static_cast<std::int64_t>(
        std::count_if(stability.begin(), stability.end(), [](double s) { return s < kStable; }));
    table.attributes["unstable_proportions"] = unstable;
    table.attributes["choosing_cases"] = scores.importance.size(0);
  }

  Uses<EdgeAttribution> edges_{this, "edge_attribution"};
  at::Tensor circuits_;  ///< of all measuring cases, from the first pass
};

}  // namespace circuit_discovery

using circuit_discovery::CircuitDiscovery;

LENSBENCH_EXPERIMENT(CircuitDiscovery, "circuit_discovery", "1.0.0",
                     "Which edges carry a task, and how much of it does a circuit of them give on "
                     "other prompts?");
