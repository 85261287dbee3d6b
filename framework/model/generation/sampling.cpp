#include <ATen/ops/softmax.h>
#include <ATen/ops/sort.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <lensbench/error.hpp>
#include <lensbench/generation.hpp>
#include <tuple>

namespace lensbench {
namespace {

void check(const at::Tensor& logits, const SamplingOptions& options) {
  if (!logits.defined() || logits.dim() != 1 || logits.size(0) == 0)
    throw UsageError("sampling: the logits must have shape [vocab], of one position");
  if (!(options.temperature >= 0.0) || !std::isfinite(options.temperature))
    throw UsageError("sampling: temperature must be 0 (greedy) or a positive number");
  if (options.top_k < 0) throw UsageError("sampling: top_k must be 0 (all) or positive");
  if (!(options.top_p > 0.0 && options.top_p <= 1.0))
    throw UsageError("sampling: top_p must be in (0, 1]");
}

/// Id of the largest logit, the smallest id among equal ones.
std::int64_t first_largest(const at::Tensor& logits) {
  const at::Tensor values = logits.to(at::kCPU, at::kDouble).contiguous();
  const double* begin = values.data_ptr<double>();
  return std::max_element(begin, begin + values.numel()) - begin;
}

/// Number of entries kept of probabilities in descending order: at most top_k, then the fewest that
/// reach top_p of the probability that top-k kept.
std::int64_t kept(const at::Tensor& sorted, const SamplingOptions& options) {
  // Top-k comes before top-p, as in transformers, so top-p refers to what top-k left.
  const double* p = sorted.data_ptr<double>();
  std::int64_t count = sorted.numel();
  if (options.top_k > 0) count = std::min(count, options.top_k);
  if (options.top_p >= 1.0) return count;
  double total = 0.0, reached = 0.0;
  for (std::int64_t i = 0; i < count; ++i) total += p[i];
  for (std::int64_t i = 0; i < count; ++i) {
    reached += p[i];
    if (reached >= options.top_p * total) return i + 1;
  }
  return count;
}

}  // namespace

/// float64 throughout: the sum over a large vocabulary decides at which token top-p stops.
at::Tensor sampling_distribution(const at::Tensor& logits, const SamplingOptions& options) {
  check(logits, options);
  at::Tensor distribution = at::zeros({logits.size(0)}, at::kDouble);
  if (options.temperature == 0.0) {
    distribution[first_largest(logits)] = 1.0;
    return distribution;
  }
  const at::Tensor wide = logits.to(at::kCPU, at::kDouble).div(options.temperature);
  const bool keeps_all = options.top_k == 0 || options.top_k >= logits.size(0);
  if (keeps_all && options.top_p >= 1.0) return at::softmax(wide, 0);  // sorting costs much more
  // Stable, so that among equal logits the smaller ids are kept.
  const auto [sorted, ids] = at::sort(at::softmax(wide, 0), true, 0, true);
  const std::int64_t count = kept(sorted.contiguous(), options);
  const at::Tensor best = sorted.narrow(0, 0, count);
  distribution.index_copy_(0, ids.narrow(0, 0, count), best.div(best.sum()));
  return distribution;
}

std::int64_t choose_token(const at::Tensor& logits, const SamplingOptions& options,
                          Philox& random) {
  check(logits, options);
  if (options.temperature == 0.0) return first_largest(logits);
  const at::Tensor distribution = sampling_distribution(logits, options);
  const double* p = distribution.data_ptr<double>();
  const double drawn = random.uniform();
  // Inverse of the cumulative distribution at one uniform number.
  double reached = 0.0;
  std::int64_t last = 0;
  for (std::int64_t id = 0; id < distribution.numel(); ++id) {
    if (p[id] <= 0.0) continue;
    reached += p[id];
    last = id;
    if (drawn < reached) return id;
  }
  return last;  // by rounding the sum stayed below the drawn number
}

}  // namespace lensbench
