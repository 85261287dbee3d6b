#include "result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>

#include <cmath>
#include <lensbench/metric.hpp>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace lensbench::attention {
namespace {

/// Block and head of the largest score of each detector; -1 where no score is defined.
void add_best_heads(Dataset& dataset, const at::Tensor& score) {
  const std::int64_t n_detectors = score.size(0), n_heads = score.size(2);
  std::vector<std::int32_t> block, head;
  std::vector<double> best;
  for (std::int64_t d = 0; d < n_detectors; ++d) {
    const double* values = score[d].data_ptr<double>();
    std::int64_t found = -1;
    for (std::int64_t i = 0; i < score.size(1) * n_heads; ++i)
      // The first head wins among equal scores.
      if (!std::isnan(values[i]) && (found < 0 || values[i] > values[found])) found = i;
    block.push_back(static_cast<std::int32_t>(found < 0 ? -1 : found / n_heads));
    head.push_back(static_cast<std::int32_t>(found < 0 ? -1 : found % n_heads));
    best.push_back(found < 0 ? std::numeric_limits<double>::quiet_NaN() : values[found]);
  }
  dataset.add("best_block", {"detector"}, at::tensor(block, at::kInt), "1",
              "block of the head with the largest score (-1: no eligible query)");
  dataset.add("best_head", {"detector"}, at::tensor(head, at::kInt), "1",
              "head with the largest score (-1: no eligible query)");
  dataset.add("best_score", {"detector"}, at::tensor(best, at::kDouble), "1",
              "its score (NaN: no eligible query)");
}

/// Scores of heads by the keys they attend to. Three scores, because each answers another question:
/// mean weight where the pattern can occur, share of all weight, and similarity with an ideal head.
void add_detectors(Dataset& dataset, const MeasurePlan& plan, const Measures& measures) {
  std::vector<std::string> labels;
  std::vector<std::int64_t> eligible;
  for (std::size_t i = 0; i < plan.detectors.size(); ++i) {
    labels.emplace_back(to_string(plan.detectors[i]));
    eligible.push_back(eligible_queries(plan.masks[i]));
  }
  dataset.add_coordinate("detector", std::move(labels), "kind of head, by the keys it attends to");
  dataset.add("eligible_queries", {"detector"}, at::tensor(eligible, at::kLong), "1",
              "queries that have a key which the detector looks for");
  add_best_heads(dataset, measures.score);
  const std::vector<std::string> dims = {"detector", "block", "head"};
  dataset.add("detector_score", dims, measures.score, "1",
              "mean weight on the detector's keys over its eligible queries (NaN: there is none)");
  dataset.add("detector_share", dims, measures.share, "1",
              "weight on the detector's keys over the weight of all queries (NaN: all of it is "
              "excluded)");
  dataset.add("detector_match", dims, measures.match, "1",
              "1 - sum |pattern - mask of the detector's keys| / number of queries");
}

void add_ranked_keys(Dataset& dataset, const Measures& measures) {
  const std::vector<std::string> ranked = {"block", "head", "token", "rank"};
  dataset.add_coordinate("rank", at::arange(1, measures.top_key.size(-1) + 1, at::kInt),
                         "1 is the key with most weight");
  dataset.add("top_key", ranked, measures.top_key, "1",
              "positions of the keys with most weight (-1: the query sees fewer keys)");
  dataset.add("top_weight", ranked, measures.top_weight, "1",
              "their weights (NaN: the query sees fewer keys)");
}

/// Measures that summarise a row of the pattern [block, head, token], so that a long prompt needs
/// no patterns in memory.
void add_measures(Dataset& dataset, const Measures& measures) {
  const std::vector<std::string> dims = {"block", "head", "token"};
  dataset.add("entropy", dims, measures.entropy, "nats", "entropy of the weights of this query");
  dataset.add("normalized_entropy", dims, measures.normalized_entropy, "1",
              "entropy over the ln of the number of keys that this query sees (NaN: it sees one)");
  dataset.add("mean_distance", dims, measures.mean_distance, "1",
              "mean number of tokens between this query and its keys, by weight");
  dataset.add("first_token_mass", dims, measures.first_token_mass, "1",
              "weight on the first token");
  dataset.add("first_token_weighted_mass", dims, measures.first_token_weighted_mass, "1",
              "share of the first token in the sum of weight times norm of what the head writes "
              "(NaN: it writes nothing)");
  // Missing without a tokenizer, which alone knows the special tokens.
  if (measures.special_mass.defined())
    dataset.add("special_mass", dims, measures.special_mass, "1", "weight on special tokens");
  dataset.add("received", dims, measures.received, "1",
              "mean weight on this key over the queries that see it");
  if (measures.top_key.defined()) add_ranked_keys(dataset, measures);
}

/// Adds patterns and flow, which have an axis of queries and one of keys.
void add_patterns(Dataset& dataset, const ObservationPlan& plan, const Observation& seen,
                  std::int64_t n_tokens) {
  if (seen.pattern.defined() || seen.rollout.defined()) {
    const at::Tensor positions = at::arange(n_tokens, at::kInt);
    dataset.add_coordinate("query_position", positions, "position that reads");
    dataset.add_coordinate("key_position", positions, "position that is read");
  }
  if (plan.kept.all) {
    dataset.add("pattern", {"block", "head", "query_position", "key_position"}, seen.pattern, "1",
                "attention pattern");
    // For `lensbench grade`.
    dataset.set_attribute("pattern", "claim", "attention.source");
  } else if (seen.pattern.defined()) {
    dataset.add_coordinate("selected_head", plan.kept.labels, "head by block and index");
    dataset.add("selected_pattern", {"selected_head", "query_position", "key_position"},
                seen.pattern, "1", "attention pattern of a head that was asked for");
  }
}

/// Rollout has the axis `layer`, one more than blocks: the embedding is layer 0.
void add_flow(Dataset& dataset, const ObservationPlan& plan, const Observation& seen) {
  if (plan.rollout) {
    add_layer_axis(dataset, seen.rollout.size(0) - 1);
    dataset.add("position_rollout", {"layer", "token"}, seen.rollout.select(1, plan.position), "1",
                "how much of this token the chosen position has at each layer, by rollout");
    dataset.add("rollout", {"layer", "query_position", "key_position"}, seen.rollout, "1",
                "how much of each key a position has at each layer, by rollout");
  }
  if (plan.max_flow)
    dataset.add("max_flow", {"token"}, at::tensor(seen.max_flow, at::kDouble), "1",
                "maximum flow of attention from this token to the chosen position after the last "
                "block");
}

/// \param sum_tolerance  that of the sum of a row of a pattern
void add_flow_receipts(Dataset& dataset, const ObservationPlan& plan, const Observation& seen,
                       double sum_tolerance) {
  // Row sums multiply from block to block, so the tolerance grows with them.
  if (plan.rollout) {
    const double layers = static_cast<double>(seen.rollout.size(0));
    dataset.receipts.push_back(make_receipt(
        "rollout_rows_sum_to_one", (seen.rollout.sum(-1) - 1.0).abs().max().item<double>(),
        layers * sum_tolerance, "rows of the patterns sum to 1 within a tolerance for each block"));
  }
  // A single path is a lower bound of the maximum flow; less would be a fault of the algorithm.
  if (plan.max_flow)
    dataset.receipts.push_back(
        make_receipt("flow_reaches_the_widest_path", seen.flow_error, 1e-9,
                     "largest excess of a single path over the maximum flow"));
}

}  // namespace

void add_observation(Dataset& dataset, const ObservationPlan& plan, const Observation& seen,
                     std::int64_t n_tokens) {
  if (!plan.measures.detectors.empty()) add_detectors(dataset, plan.measures, seen.measures);
  add_measures(dataset, seen.measures);
  add_patterns(dataset, plan, seen, n_tokens);
  add_flow(dataset, plan, seen);
}

void add_receipts(Dataset& dataset, const ObservationPlan& plan, const Observation& seen) {
  const Measures& measures = seen.measures;
  // A row is a softmax of its own: its terms are rounded to the type of the pattern one by one.
  // Half precision rounds every weight, and a row has many: four units of rounding are allowed.
  const bool half = seen.pattern_epsilon > 1e-5;
  const double sum_tolerance = half ? 4 * seen.pattern_epsilon : 1e-5;
  const std::string type = half ? "weights in half precision" : "weights in float32";
  dataset.receipts.push_back(make_receipt("attention_rows_sum_to_one", measures.row_sum_error,
                                          sum_tolerance, "largest difference of a row; " + type));
  dataset.receipts.push_back(make_receipt("hidden_keys_have_no_weight", measures.hidden_weight, 0.0,
                                          "keys after the query or outside the window of a block"));
  dataset.receipts.push_back(make_receipt(
      "pattern_times_values_equals_result", measures.result_error,
      half ? 4 * seen.pattern_epsilon : 1e-5,
      "largest difference from hook_z, relative to the largest value of the head; " + type));
  add_flow_receipts(dataset, plan, seen, sum_tolerance);
}

void add_attributes(Dataset& dataset, const AttentionOptions& options,
                    const ObservationPlan& plan) {
  Provenance{.definition = "attention/1"}.describe(dataset);
  dataset.attributes["base_run"] = "prompt";
  dataset.attributes["source_run"] = "none";
  dataset.attributes["sign"] = "none";
  dataset.attributes["patterns"] =
      plan.kept.all ? std::vector<std::string>{"all"} : plan.kept.labels;
  dataset.attributes["exclude_first"] = static_cast<std::int64_t>(options.exclude_first);
  dataset.attributes["exclude_current"] = static_cast<std::int64_t>(options.exclude_current);
  dataset.attributes["max_pattern_bytes"] = options.max_pattern_bytes;
  dataset.attributes["detectors"] = options.detectors;
  dataset.attributes["top_k"] = options.top_k;
  dataset.attributes["flow"] = options.flow;
  dataset.attributes["residual_weight"] = options.residual_weight;
  // A position without flow is not resolved.
  dataset.attributes["position"] = plan.rollout || plan.max_flow ? plan.position : options.position;
}

}  // namespace lensbench::attention
