#include "result.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

namespace lensbench::composition {
namespace {

/// Most pairs of heads that are listed by name.
constexpr std::int64_t kListedPairs = 12;

at::Tensor indices(std::int64_t first, std::int64_t count) {
  return at::arange(first, first + count, at::kInt);
}

/// Indices of the largest scores, the largest first.
std::vector<std::int64_t> largest_pairs(const double* values, std::int64_t count) {
  std::vector<std::int64_t> order;
  // Pairs in which the receiver is not later have no score.
  for (std::int64_t i = 0; i < count; ++i)
    if (!std::isnan(values[i])) order.push_back(i);
  const std::int64_t listed = std::min(kListedPairs, std::ssize(order));
  // Equal scores in the order of their indices, so that the list is unique.
  std::partial_sort(order.begin(), order.begin() + listed, order.end(),
                    [&](std::int64_t a, std::int64_t b) {
                      return values[a] != values[b] ? values[a] > values[b] : a < b;
                    });
  order.resize(static_cast<std::size_t>(listed));
  return order;
}

/// Name of a pair of heads. An index divides into mode, sender and receiver, since the axes of the
/// scores are [mode, sender block, sender head, receiver block, receiver head].
std::string pair_label(const AnalysisPlan& plan, std::int64_t index, std::int64_t blocks,
                       std::int64_t heads) {
  const auto name = [&](std::int64_t head) {
    return "L" + std::to_string(head / heads) + "H" + std::to_string(head % heads);
  };
  const std::int64_t all = blocks * heads;
  return std::string(to_string(plan.modes[static_cast<std::size_t>(index / all / all)])) + ": " +
         name(index / all % all) + " > " + name(index % all);
}

/// Lists the largest scores under names such as `k: L0H1 > L2H3`.
void add_pairs(Dataset& dataset, const AnalysisPlan& plan, const at::Tensor& scores) {
  const at::Tensor flat = scores.contiguous().flatten();
  const double* values = flat.data_ptr<double>();
  const auto order = largest_pairs(values, flat.numel());
  if (order.empty()) return;
  std::vector<std::string> labels;
  std::vector<double> best;
  for (const std::int64_t index : order) {
    labels.push_back(pair_label(plan, index, scores.size(1), scores.size(2)));
    best.push_back(values[index]);
  }
  dataset.add_coordinate("pair", std::move(labels), "mode: sender > receiver");
  dataset.add("pair_score", {"pair"}, at::tensor(best, at::kDouble), "1",
              "the largest composition scores");
}

/// Two baselines: the value for random matrices in theory, and the measured one for random heads of
/// these shapes, whose spread shows which scores are unusual.
void add_baselines(Dataset& dataset, const Analysis& found, std::int64_t d_model) {
  std::vector<double> mean, deviation;
  for (const Baseline& one : found.baselines) {
    mean.push_back(one.mean);
    deviation.push_back(one.deviation);
  }
  // Expected score of random matrices.
  const double expected = 1.0 / std::sqrt(static_cast<double>(d_model));
  dataset.add("baseline", {"mode"}, at::full({std::ssize(mean)}, expected, at::kDouble), "1",
              "1 / sqrt(d_model)");
  dataset.add("baseline_mean", {"mode"}, at::tensor(mean, at::kDouble), "1",
              "mean score of random heads of the same shapes");
  dataset.add("baseline_sd", {"mode"}, at::tensor(deviation, at::kDouble), "1",
              "standard deviation of these scores");
}

/// Sender and receiver have axes of their own, because a dataset has one length and one coordinate
/// per name.
void add_pair_axes(Dataset& dataset, const Analysis& found) {
  for (const char* side : {"sender", "receiver"}) {
    const std::string name = side;
    dataset.add_coordinate(name + "_block", indices(0, found.composition.size(1)),
                           "block of the " + name);
    dataset.add_coordinate(name + "_head", indices(0, found.composition.size(2)),
                           "head of the " + name);
  }
}

void add_scores(Dataset& dataset, const AnalysisPlan& plan, const Analysis& found,
                std::int64_t d_model) {
  if (plan.modes.empty()) return;
  std::vector<std::string> labels;
  for (const Mode mode : plan.modes) labels.emplace_back(to_string(mode));
  dataset.add_coordinate("mode", std::move(labels), "input of the receiver");
  add_pairs(dataset, plan, found.composition);
  add_baselines(dataset, found, d_model);
  add_pair_axes(dataset, found);
  dataset.add("composition",
              {"mode", "sender_block", "sender_head", "receiver_block", "receiver_head"},
              found.composition, "1",
              "how much of what a head writes is read by a later head (NaN: the receiver is not in "
              "a later block, or a matrix is 0)");
}

/// Scores of the whole OV and QK circuits [block, head], from eigenvalues of products with the
/// embeddings, whose rank is at most d_head.
void add_spectra(Dataset& dataset, const Analysis& found) {
  const std::vector<std::string> dims = {"block", "head"};
  dataset.add("copying_score", dims, found.copying_score, "1",
              "sum over sum of magnitudes of the eigenvalues of W_E OV W_U: 1 where a head raises "
              "the tokens it "
              "reads (NaN: all are 0)");
  dataset.add("matching_score", dims, found.matching_score, "1",
              "sum over sum of magnitudes of the eigenvalues of W_E QK W_E^T: 1 where a head looks "
              "for the same "
              "token (NaN: all are 0)");
  dataset.add("ov_norm", dims, found.ov_norm, "1", "Frobenius norm of OV");
  dataset.add("qk_norm", dims, found.qk_norm, "1", "Frobenius norm of QK");
  dataset.add_coordinate("eigenvalue", indices(1, found.eigenvalue_real.size(-1)),
                         "1 is the largest in magnitude");
  const std::vector<std::string> each = {"block", "head", "eigenvalue"};
  dataset.add("eigenvalue_real", each, found.eigenvalue_real, "1",
              "real part of an eigenvalue of W_E OV W_U");
  dataset.add("eigenvalue_imag", each, found.eigenvalue_imag, "1",
              "imaginary part of an eigenvalue of W_E OV W_U");
}

struct End {
  const char* name;
  const char* tokens;  ///< long_name of the ids
};

/// Tokens at the ends of the directions.
void add_ends(Dataset& dataset, const Analysis& found) {
  const std::vector<std::string> dims = {"block", "head", "direction", "sign", "rank"};
  for (const End& end : {End{"input", "tokens that OV reads most along a direction"},
                         End{"output", "tokens whose logits OV raises most along a direction"},
                         End{"query", "tokens that query most along a direction of QK"},
                         End{"key", "tokens that match those queries as keys"}}) {
    const std::string name = end.name;
    dataset.add(name + "_top_id", dims, found.ends.at(name + "_top_id"), "1", end.tokens,
                Holds::token_ids);
    dataset.add(name + "_top_value", dims, found.ends.at(name + "_top_value"), "1",
                "their products with the direction");
  }
}

/// Singular directions of OV and QK, named by the tokens at both of their ends. The sign of a
/// singular vector is arbitrary, hence both signs are listed.
void add_directions(Dataset& dataset, const AnalysisPlan& plan, const Analysis& found) {
  if (plan.directions == 0) return;
  dataset.add_coordinate("circuit", std::vector<std::string>{"ov", "qk"}, "matrix of a head");
  dataset.add_coordinate("direction", indices(1, plan.directions),
                         "1 has the largest singular value");
  dataset.add_coordinate("sign", at::tensor({1, -1}, at::kInt),
                         "along the direction, or against it");
  dataset.add_coordinate("rank", indices(1, plan.top_k), "1 has the largest product");
  const std::vector<std::string> values = {"circuit", "block", "head", "direction"};
  dataset.add("singular_value", values, found.singular_value, "1", "singular value");
  dataset.add("degenerate", values, found.degenerate, "1",
              "1 where the direction is not determined, because singular values are nearly equal");
  add_ends(dataset, found);
}

void add_chosen_direction(Dataset& dataset, const Analysis& found) {
  if (!found.write.defined()) return;
  dataset.add_coordinate("kv_head", indices(0, found.read_k.size(1)), "key-value head");
  dataset.add("read_q", {"block", "head"}, found.read_q, "1",
              "|d W_Q| / |d| of the chosen direction d");
  dataset.add("read_k", {"block", "kv_head"}, found.read_k, "1",
              "|d W_K| / |d| of the chosen direction d");
  dataset.add("read_v", {"block", "kv_head"}, found.read_v, "1",
              "|d W_V| / |d| of the chosen direction d");
  dataset.add("write", {"block", "head"}, found.write, "1",
              "|OV d| / |d| of the chosen direction d");
}

/// What the matrices leave out in this model.
std::string left_out(const TransformerSpec& spec, const CompositionOptions& options) {
  std::string text = "biases, and the scales of norms, which depend on the data";
  if (spec.norm_placement == NormPlacement::before_and_after ||
      spec.norm_placement == NormPlacement::after_sublayer)
    text += "; heads write through a norm, whose gain is " +
            std::string(options.fold_norm ? "folded into W_O" : "left out too");
  if (const std::optional<NormSpec>& norm = spec.attention.query_key_norm) {
    text += "; queries and keys pass a norm";
    if (norm->has_gain)
      text += ", whose gain is " +
              std::string(options.fold_norm ? "folded into W_Q and W_K" : "left out too");
  }
  if (spec.position == PositionKind::rotary && options.offset == 0)
    text += "; the rotation: QK is that of a query and a key at the same position";
  if (spec.position == PositionKind::alibi) text += "; the bias by distance";
  return text;
}

void add_attributes(Dataset& dataset, const TransformerSpec& spec,
                    const CompositionOptions& options) {
  dataset.attributes["definition"] = "composition/1";
  dataset.attributes["base_run"] = "weights";
  dataset.attributes["source_run"] = "none";
  dataset.attributes["sign"] = "none";
  dataset.attributes["rule"] = "none";
  dataset.attributes["samples"] = options.baseline_draws;
  dataset.attributes["seed_stream"] = "mode * 2^32 + draw";
  dataset.attributes["modes"] = options.modes;
  dataset.attributes["fold_norm"] = static_cast<std::int64_t>(options.fold_norm);
  dataset.attributes["offset"] = options.offset;
  dataset.attributes["left_out"] = left_out(spec, options);
  dataset.attributes["directions"] = options.directions;
  dataset.attributes["top_k"] = options.top_k;
  dataset.attributes["baseline_draws"] = options.baseline_draws;
  dataset.attributes["direction"] = "none";
  if (options.direction) dataset.attributes["direction"] = *options.direction;
  if (!options.direction_file.empty()) dataset.attributes["direction"] = "of a file";
  dataset.attributes["direction_file"] = "none";
}

}  // namespace

Dataset result_of(const AnalysisPlan& plan, const Analysis& found, const TransformerSpec& spec,
                  const CompositionOptions& options) {
  Dataset dataset;
  dataset.add_coordinate("block", indices(0, spec.n_layers), "block, counted from 0");
  dataset.add_coordinate("head", indices(0, spec.attention.n_heads), "attention head");
  add_scores(dataset, plan, found, spec.d_model);
  add_spectra(dataset, found);
  add_directions(dataset, plan, found);
  add_chosen_direction(dataset, found);
  add_attributes(dataset, spec, options);
  return dataset;
}

}  // namespace lensbench::composition
