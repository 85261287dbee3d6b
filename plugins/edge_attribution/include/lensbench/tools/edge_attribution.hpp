#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/metric.hpp>
#include <lensbench/tool.hpp>
#include <string>
#include <vector>

namespace lensbench {

/// How edges are scored, and which circuits are measured.
struct EdgeAttributionOptions {
  MetricOptions metric = {};  ///< number to read, and where
  /// `eap`, `clean_corrupted`, `ig_inputs`, `ig_activations` or `exact`.
  std::string method = "ig_inputs";
  std::int64_t steps = 10;        ///< points of the integral, for the two methods that integrate
  std::string rule = "midpoint";  ///< midpoint, or left (which never visits the clean prompt)
  std::string level = "edge";     ///< circuits of edges, or of every edge that leaves a `node`
  std::string select = "top";     ///< top, or greedy (grown back from the logits)
  /// What edges outside of a circuit carry: `patching` (values of the corrupted run), `zero`, or
  /// `mean` of the node over all positions of the reference prompts.
  std::string ablation = "patching";
  /// Shares of the edges (or nodes) that circuits keep; empty: no circuit is run.
  std::vector<double> proportions = {.001, .002, .005, .01, .02, .05, .1, .2, .5, 1};
  std::int64_t random_draws = 10;   ///< random circuits for each share
  std::int64_t most_circuits = 16;  ///< circuits in one forward; bounds memory, not results
  double min_gap = 0.1;             ///< least |gap| for which faithfulness is computed
  /// Prompts of `mean`: one in each line of a file, or JSONL with `text` or `ids`. Empty: the
  /// prompts of all cases of the run.
  std::string reference = {};
  /// JSONL of the edges that are known to carry the answer: `source`, `target`, `slot`. Empty: none
  /// are known.
  std::string truth = {};
};

/// An edge of the graph of a model: what one node writes to the stream, as another one reads it.
struct GraphEdge {
  std::string source;  ///< `embed`, `L0H1`, `2_attn_out`, `2_mlp_out`
  std::string target;  ///< `L3H0`, `L3KV0` (shared keys and values), `2_mlp_out`, `logits`
  std::string slot;    ///< `q`, `k`, `v` or `in`
};

/// Metrics of circuits: runs of the clean prompt in which every edge outside of the circuit carries
/// the value of the corrupted run (or zero, or a mean).
struct CircuitMetrics {
  std::vector<double> metrics;  ///< metric of each circuit, in units of the metric
  double all = 0;               ///< with every edge; equal to `clean`
  double none = 0;              ///< without an edge; equal to `corrupted` where that is carried
  double clean = 0;             ///< metric of the clean run
  double corrupted = 0;         ///< metric of the corrupted run
};

/// Edge attribution: how much of the metric every edge of the graph carries, predicted from two
/// forwards and a backward (EAP: Syed et al., arXiv:2310.10348; EAP-IG: Hanna et al.,
/// arXiv:2403.17806; by activations: Marks et al., arXiv:2403.19647), and the circuits of the best
/// edges (MIB: Mueller et al., arXiv:2504.13151). With a_u the output of node u, x_v the input of
/// reader v and m the metric:
///
///     edge_score(u, v) = sum_position (a_u(corrupted) - a_u(clean)) . dm/dx_v
///     importance(u, v) = -edge_score(u, v)
///     faithfulness(k)  = (m(circuit of share k) - m(none)) / (m(all) - m(none))
///
/// `eap` takes the gradient at the clean run, `clean_corrupted` the mean of both ends, `ig_inputs`
/// the mean over embeddings between corrupted and clean, `ig_activations` the mean over values of
/// the output that the edge leaves; `exact` runs every edge and measures the change of the metric.
class LENSBENCH_API EdgeAttribution : public Tool {
 public:
  /// Version of this interface; raised with every change of this header but its comments.
  static constexpr const char* kInterfaceVersion = "2";

  /// Scores every edge for one pair of prompts, and measures circuits of the best ones on it.
  ///
  /// - `edge_score`, `importance` [edge], float64 in units of the metric, with `source`, `target`,
  ///   `slot` [edge]; edges that support the metric have a positive importance.
  /// - `node_score` [component]: the same sum for all that leaves a node, from the gradient at its
  ///   own output; not with `exact`.
  /// - `edges_kept` [proportion], `in_circuit` [proportion, edge] of the ranking `importance`,
  ///   `circuit_metric`, `faithfulness` [ranking, proportion] for the rankings `importance`
  ///   (signed) and `magnitude`, `random_faithfulness` [proportion, draw].
  /// - `cpr`: area under the faithfulness of the signed ranking; `cmd`: area of |1 - faithfulness|
  ///   of that by magnitude; both over the shares, by trapezoids.
  /// - with `truth`: `in_truth` int8 [edge], and `auroc` of the importance by size.
  /// - `clean_metric`, `corrupted_metric`, `gap` (corrupted minus clean).
  /// \param clean      the prompt that is asked about
  /// \param corrupted  the other prompt, as long in tokens
  /// \param target     token whose metric is read
  /// \param options    method and circuits
  /// \throws UsageError for prompts of other lengths (both token lists are shown) or equal prompts,
  ///   a model whose stream is not a sum of what its nodes write, an option out of range, and as
  ///   `MetricReader`
  virtual Dataset attribute_edges(const Tokens& clean, const Tokens& corrupted,
                                  const Target& target = Target::model(),
                                  const EdgeAttributionOptions& options = {}) = 0;

  /// Every edge, in the order of the axis `edge`: by reader in the order of the forward, then by
  /// source. \throws UsageError for a model whose stream is not such a sum
  virtual std::vector<GraphEdge> edges() const = 0;

  /// Runs circuits on a pair of prompts.
  /// \param clean      the prompt that is run
  /// \param corrupted  the prompt whose values the edges outside carry
  /// \param target     token whose metric is read
  /// \param circuits   [circuit, edge] bool, true: the edge is part of the circuit
  /// \param options    metric, ablation and limits
  /// \throws UsageError for circuits of another shape, and as `attribute_edges`
  virtual CircuitMetrics run_circuits(const Tokens& clean, const Tokens& corrupted,
                                      const Target& target, const at::Tensor& circuits,
                                      const EdgeAttributionOptions& options = {}) = 0;
};

}  // namespace lensbench
