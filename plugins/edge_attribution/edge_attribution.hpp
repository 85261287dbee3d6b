#pragma once

#include <lensbench/tools/edge_attribution.hpp>
#include <string>

#include "means.hpp"
#include "schema.hpp"

namespace lensbench::edges {

/// Implementation of the tool: typed interface and generic entry.
class EdgeAttributionTool final : public EdgeAttribution {
 public:
  static constexpr ParameterSpec kParameters[] = {
      metric_parameters::kCorrupted,
      metric_parameters::kCorruptedIds,
      metric_parameters::kTarget,
      metric_parameters::kVersus,
      metric_parameters::kMetric,
      metric_parameters::kPosition,
      {"method", ParameterType::choice, "ig_inputs", "",
       "eap: gradient of the clean run; clean_corrupted: mean of both runs; ig_inputs: mean over "
       "embeddings between them; ig_activations: mean over each output between them; exact: one "
       "run "
       "for each edge.",
       "eap|clean_corrupted|ig_inputs|ig_activations|exact"},
      {"steps", ParameterType::integer, "10", "1",
       "Points of the integral of ig_inputs and ig_activations.", "[1, 1000]"},
      {"rule", ParameterType::choice, "midpoint", "",
       "Points of the integral: midpoint (k + 1/2) / steps, or left k / steps, which begins at the "
       "corrupted prompt and never visits the clean one.",
       "midpoint|left"},
      {"level", ParameterType::choice, "edge", "",
       "Circuits of the best edges, or of all edges that leave the best nodes.", "edge|node"},
      {"select", ParameterType::choice, "top", "",
       "top takes the best edges; greedy grows the circuit back from the logits.", "top|greedy"},
      {"ablation", ParameterType::choice, "patching", "",
       "What edges outside of a circuit carry: patching gives the corrupted run's value, zero "
       "nothing, mean the node's mean over all positions of the reference prompts.",
       "patching|zero|mean"},
      {"reference", ParameterType::file, "", "",
       "Prompts that mean averages over, one in each line or JSONL (default: all cases)."},
      {"proportions", ParameterType::numbers, "0.001,0.002,0.005,0.01,0.02,0.05,0.1,0.2,0.5,1", "1",
       "Shares of the edges that circuits keep, in rising order; none measures no circuit.",
       "[0, 1]"},
      {"random_draws", ParameterType::integer, "10", "1", "Random circuits for each share.",
       "[0, 1000]"},
      {"most_circuits", ParameterType::integer, "16", "1",
       "Most circuits in one forward; bounds memory, not results.", "[1, inf)"},
      metric_parameters::kMinGap,
      {"truth", ParameterType::file, "", "",
       "JSONL with source, target and slot of the edges that are known to carry the answer, which "
       "scores are compared with."},
  };

  static constexpr const auto& kResults = kEdgeTable;
  static constexpr const char* kGradedSettings[] = {"method=eap,proportions=",
                                                    "method=ig_inputs,steps=5,proportions="};

  void check_compatible(const Model& model) const override;
  void check_parameters(const Parameters& parameters) const override;
  Dataset run(const Request& request) override;
  CostEstimate estimate(const Request& request) const override;
  Dataset attribute_edges(const Tokens& clean, const Tokens& corrupted, const Target& target,
                          const EdgeAttributionOptions& options) override;
  std::vector<GraphEdge> edges() const override;
  CircuitMetrics run_circuits(const Tokens& clean, const Tokens& corrupted, const Target& target,
                              const at::Tensor& circuits,
                              const EdgeAttributionOptions& options) override;

 private:
  /// Values that edges outside of a circuit carry.
  RunState ablated_run(const Graph& graph, const paths::RunPair& pair,
                       const EdgeAttributionOptions& options);

  std::string means_key_;  ///< reference prompts of `means_`
  NodeMeans means_;        ///< means for the last request, which other prompts share
};

}  // namespace lensbench::edges
