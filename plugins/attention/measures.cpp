#include "measures.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "common/worst.hpp"

namespace lensbench::attention {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

/// Numbers of one head, consecutive in memory; nullptr for a tensor that is not wanted.
double* values_of(const at::Tensor& tensor, std::int64_t block, std::int64_t head) {
  return tensor.defined() ? tensor[block][head].data_ptr<double>() : nullptr;
}

/// Where the numbers of one head go, one for each query; null if they are not wanted.
struct HeadNumbers {
  HeadNumbers(const Measures& all, std::int64_t block, std::int64_t head)
      : entropy(values_of(all.entropy, block, head)),
        normalized_entropy(values_of(all.normalized_entropy, block, head)),
        mean_distance(values_of(all.mean_distance, block, head)),
        first_mass(values_of(all.first_token_mass, block, head)),
        first_weighted_mass(values_of(all.first_token_weighted_mass, block, head)),
        special_mass(values_of(all.special_mass, block, head)),
        top_weight(values_of(all.top_weight, block, head)),
        top_key(all.top_key.defined() ? all.top_key[block][head].data_ptr<std::int32_t>()
                                      : nullptr) {}

  double *entropy, *normalized_entropy, *mean_distance, *first_mass, *first_weighted_mass;
  double *special_mass, *top_weight;
  std::int32_t* top_key;
};

/// 0 ln 0 is 0.
double entropy_of(const double* row, const VisibleKeys& keys) {
  double entropy = 0.0;
  for (std::int64_t key = keys.begin; key < keys.end; ++key)
    if (row[key] > 0.0) entropy -= row[key] * std::log(row[key]);
  return entropy;
}

/// Queries of bidirectional models also see later keys, at a negative distance.
double distance_of(const double* row, std::int64_t query, const VisibleKeys& keys) {
  double distance = 0.0;
  for (std::int64_t key = keys.begin; key < keys.end; ++key)
    distance += row[key] * static_cast<double>(query - key);
  return distance;
}

double special_of(const double* row, const VisibleKeys& keys, const std::vector<bool>& special) {
  double mass = 0.0;
  for (std::int64_t key = keys.begin; key < keys.end; ++key)
    if (special[static_cast<std::size_t>(key)]) mass += row[key];
  return mass;
}

/// Share of the first key in the sum of weight times size.
double weighted_first(const double* row, const VisibleKeys& keys, const double* size) {
  if (keys.begin > 0) return 0.0;
  double total = 0.0;
  for (std::int64_t key = keys.begin; key < keys.end; ++key)
    total += std::abs(row[key]) * size[key];
  return total > 0.0 ? std::abs(row[0]) * size[0] / total : kUndefined;
}

/// Norm of what the head writes for each key: |v W_O|^2 = v (W_O W_O^T) v^T.
at::Tensor written_sizes(const HeadActivations& one) {
  // A matrix [d_head, d_head] in place of rows of length d_model for each key.
  const at::Tensor gram = at::matmul(one.output, one.output.t());
  return (at::matmul(one.value, gram) * one.value).sum(-1).clamp_min(0.0).sqrt().contiguous();
}

/// Equal weights are ordered by position, so that the list is unique.
void list_top(const double* row, const VisibleKeys& keys, std::int64_t top_k, std::int32_t* key,
              double* weight) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(keys.count()));
  std::iota(order.begin(), order.end(), keys.begin);
  const std::int64_t listed = std::min(top_k, keys.count());
  std::partial_sort(
      order.begin(), order.begin() + listed, order.end(),
      [&](std::int64_t a, std::int64_t b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
  for (std::int64_t rank = 0; rank < top_k; ++rank) {
    const bool there = rank < listed;
    const std::int64_t found = there ? order[static_cast<std::size_t>(rank)] : -1;
    key[rank] = static_cast<std::int32_t>(found);
    weight[rank] = there ? row[found] : kUndefined;
  }
}

void measure_row(const double* row, std::int64_t query, const VisibleKeys& keys,
                 const double* sizes, const MeasurePlan& plan, const HeadNumbers& numbers) {
  const double entropy = entropy_of(row, keys);
  numbers.entropy[query] = entropy;
  numbers.normalized_entropy[query] =
      // ln of one key is 0.
      keys.count() > 1 ? entropy / std::log(static_cast<double>(keys.count())) : kUndefined;
  numbers.mean_distance[query] = distance_of(row, query, keys);
  numbers.first_mass[query] = row[0];
  numbers.first_weighted_mass[query] = weighted_first(row, keys, sizes);
  if (numbers.special_mass != nullptr)
    numbers.special_mass[query] = special_of(row, keys, plan.special);
  if (plan.top_k > 0)
    list_top(row, keys, plan.top_k, numbers.top_key + query * plan.top_k,
             numbers.top_weight + query * plan.top_k);
}

/// A row sums to 1 over visible keys and has exact zeros elsewhere.
void check_row(const double* row, std::int64_t n, const VisibleKeys& keys, HeadErrors& errors) {
  double sum = 0.0;
  for (std::int64_t key = 0; key < n; ++key) {
    if (key >= keys.begin && key < keys.end)
      sum += row[key];
    else
      errors.hidden = worst_of(errors.hidden, std::abs(row[key]));
  }
  errors.row_sum = worst_of(errors.row_sum, std::abs(sum - 1.0));
}

/// Mean weight on each key over the queries that see it.
void receive(const TransformerSpec& spec, std::int64_t block, const double* pattern, std::int64_t n,
             double* received) {
  // A key near the end is seen by few queries, so each key has its own count.
  std::vector<std::int64_t> seen(static_cast<std::size_t>(n), 0);
  std::fill(received, received + n, 0.0);
  for (std::int64_t query = 0; query < n; ++query) {
    const VisibleKeys keys = visible_keys(spec, block, query, n);
    for (std::int64_t key = keys.begin; key < keys.end; ++key) {
      received[key] += pattern[query * n + key];
      ++seen[static_cast<std::size_t>(key)];
    }
  }
  for (std::int64_t key = 0; key < n; ++key)
    received[key] /= static_cast<double>(seen[static_cast<std::size_t>(key)]);
}

/// Relative to the largest value of the head, since z is a mean of values.
double result_error(const HeadActivations& one) {
  const at::Tensor difference = at::matmul(one.pattern, one.value) - one.result;
  return difference.abs().max().item<double>() /
         std::max(one.value.abs().max().item<double>(), 1e-30);
}

}  // namespace

VisibleKeys visible_keys(const TransformerSpec& spec, std::int64_t block, std::int64_t query,
                         std::int64_t n_tokens) {
  if (!spec.attention.causal) return {0, n_tokens};
  const std::int64_t window = spec.attention.window(block);
  // Below 0 it is the length of a chunk, within which queries see the keys (Llama 4).
  if (window < 0) return {query - query % -window, query + 1};
  return {window > 0 ? std::max<std::int64_t>(0, query - window + 1) : 0, query + 1};
}

Measures::Measures(std::int64_t n_blocks, std::int64_t n_heads, std::int64_t n_tokens,
                   const MeasurePlan& plan) {
  // Every element is written by `measure_head`, so the tensors begin without values.
  const auto by_token = [&] { return at::empty({n_blocks, n_heads, n_tokens}, at::kDouble); };
  for (at::Tensor* one : {&entropy, &normalized_entropy, &mean_distance, &first_token_mass,
                          &first_token_weighted_mass, &received})
    *one = by_token();
  if (!plan.special.empty()) special_mass = by_token();
  if (plan.top_k > 0) {
    top_key = at::empty({n_blocks, n_heads, n_tokens, plan.top_k}, at::kInt);
    top_weight = at::empty({n_blocks, n_heads, n_tokens, plan.top_k}, at::kDouble);
  }
  const auto n_detectors = static_cast<std::int64_t>(plan.detectors.size());
  for (at::Tensor* one : {&score, &share, &match})
    *one = at::empty({n_detectors, n_blocks, n_heads}, at::kDouble);
}

/// Heads write to different parts of the tensors, so no lock is needed.
HeadErrors measure_head(const TransformerSpec& spec, std::int64_t block, std::int64_t head,
                        const HeadActivations& activations, const MeasurePlan& plan,
                        const Measures& measures) {
  const std::int64_t n = activations.pattern.size(0);
  const double* pattern = activations.pattern.data_ptr<double>();
  const at::Tensor sizes = written_sizes(activations);
  const HeadNumbers numbers(measures, block, head);
  HeadErrors errors{.result = result_error(activations)};
  for (std::int64_t query = 0; query < n; ++query) {
    const double* row = pattern + query * n;
    const VisibleKeys keys = visible_keys(spec, block, query, n);
    measure_row(row, query, keys, sizes.data_ptr<double>(), plan, numbers);
    check_row(row, n, keys, errors);
  }
  receive(spec, block, pattern, n, values_of(measures.received, block, head));
  const std::vector<DetectorValues> found = detect(pattern, plan.masks, plan.exclusion);
  for (std::size_t d = 0; d < found.size(); ++d) {
    const auto detector = static_cast<std::int64_t>(d);
    values_of(measures.score, detector, block)[head] = found[d].score;
    values_of(measures.share, detector, block)[head] = found[d].share;
    values_of(measures.match, detector, block)[head] = found[d].match;
  }
  return errors;
}

}  // namespace lensbench::attention
