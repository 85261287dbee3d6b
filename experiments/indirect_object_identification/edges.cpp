#include "edges.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <utility>

#include "common/circuit_results.hpp"
#include "common/edge_circuits.hpp"

namespace indirect_object_identification {
namespace {

using namespace lensbench;

/// Least difference of the mean metrics of all edges and of no edge.
constexpr double kLeastGap = 0.1;

EdgeAttributionOptions edge_options(const Prompt& prompt, const Parameters& given) {
  EdgeAttributionOptions options;
  options.metric.versus = Target::token(prompt.b_id);
  options.method = given.text("edge_method");
  options.steps = given.integer("edge_steps");
  // The circuits come from the mean over prompts.
  options.proportions = {};
  return options;
}

/// Values of one variable of all prompts of all cases, [prompt, ...].
at::Tensor of_all_cases(const Summary& cases, const char* dataset, const char* name) {
  std::vector<at::Tensor> parts;
  cases.for_each(dataset, [&](auto, const Dataset& one) { parts.push_back(one[name].tensor); });
  return at::cat(parts);
}

/// Adds metrics of circuits. \param rows  of each prompt, as `CircuitMetrics::metrics`
void add_metrics(Dataset& result, const std::vector<at::Tensor>& rows, std::int64_t shares) {
  const at::Tensor metrics = at::stack(rows);
  const std::int64_t n = metrics.size(0), ranked = 2 * shares;
  result.add_coordinate("ranking", std::vector<std::string>{"importance", "magnitude"},
                        "number by which edges are ranked");
  result.add(
      "circuit_metric", {"measured", "ranking", "proportion"},
      metrics.narrow(1, 0, ranked).reshape({n, 2, shares}), "1",
      "logit of A minus logit of B, edges outside of the circuit as in the corrupted prompt");
  const std::int64_t random = metrics.size(1) - ranked;
  result.add("random_metric", {"measured", "proportion", "draw"},
             metrics.narrow(1, ranked, random).reshape({n, shares, random / shares}), "1",
             "the same for circuits of as many random edges");
}

}  // namespace

std::vector<double> shares_of(const Parameters& given) {
  std::vector<double> shares = given.numbers("proportions");
  std::sort(shares.begin(), shares.end());
  shares.erase(std::unique(shares.begin(), shares.end()), shares.end());
  return shares;
}

Dataset score_edges(const Uses<EdgeAttribution>& tool, const std::vector<Prompt>& prompts,
                    const Parameters& given) {
  Dataset result;
  std::vector<at::Tensor> importance;
  importance.reserve(prompts.size());
  for (const Prompt& one : prompts) {
    const Dataset found = tool->attribute_edges(one.tokens, one.corrupted, Target::token(one.a_id),
                                                edge_options(one, given));
    if (importance.empty())
      for (const char* name : {"source", "target", "slot"}) result.add(found[name]);
    common::keep_worst(result, found.receipts);
    importance.push_back(found["importance"].tensor);
  }
  result.add_coordinate("choosing", at::arange(std::ssize(prompts), at::kInt),
                        "prompt, as in `prompts`");
  result.add("importance", {"choosing", "edge"}, at::stack(importance), "1",
             "loss of the logit difference that the edge predicts when it alone carries the value "
             "of the corrupted prompt");
  return result;
}

at::Tensor chosen_circuits(const Summary& cases) {
  return common::circuits_of(of_all_cases(cases, "edges", "importance").mean(0),
                             shares_of(cases.parameters()),
                             cases.parameters().integer("random_draws"), cases.seed());
}

Dataset run_edge_circuits(const Uses<EdgeAttribution>& tool, const std::vector<Prompt>& prompts,
                          const at::Tensor& circuits, const Parameters& given) {
  Dataset result;
  std::vector<at::Tensor> rows;
  std::vector<double> all, none;
  for (const Prompt& one : prompts) {
    const CircuitMetrics found = tool->run_circuits(
        one.tokens, one.corrupted, Target::token(one.a_id), circuits, edge_options(one, given));
    common::keep_worst(result, common::circuit_receipts(found, true));
    rows.push_back(at::tensor(found.metrics, at::kDouble));
    all.push_back(found.all);
    none.push_back(found.none);
  }
  const std::int64_t traced = given.integer("traced");
  result.add_coordinate("measured", at::arange(traced - std::ssize(prompts), traced, at::kInt),
                        "prompt, as in `prompts`");
  add_metrics(result, rows, std::ssize(shares_of(given)));
  result.add("all_metric", {"measured"}, at::tensor(all, at::kDouble), "1",
             "logit difference with every edge");
  result.add("none_metric", {"measured"}, at::tensor(none, at::kDouble), "1",
             "logit difference without an edge");
  return result;
}

Dataset edge_circuit_of(const Summary& cases) {
  const auto shares = shares_of(cases.parameters());
  const auto rows = [&](const char* name) {
    return of_all_cases(cases, "edge_circuits", name).flatten(1);
  };
  const auto column = [&](const char* name) { return of_all_cases(cases, "edge_circuits", name); };
  const common::CircuitRuns runs{rows("circuit_metric"), rows("random_metric"),
                                 column("all_metric"), column("none_metric")};
  Dataset table;
  common::add_ranked_edges(table, cases.dataset(cases.cases().front(), "edges"),
                           of_all_cases(cases, "edges", "importance"), shares, cases.seed(),
                           "prompts");
  common::add_faithfulness(table, runs, shares, kLeastGap, cases.seed(), "1", "prompts");
  table.attributes["measured_prompts"] = runs.all.size(0);
  return table;
}

}  // namespace indirect_object_identification
