#include "model/vision/tower_attention.hpp"

#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/softmax.h>

#include <algorithm>
#include <cmath>

#include "model/forward/linear.hpp"

namespace lensbench {
namespace {

/// Most scores that exist at once over all heads (16 MiB of float32).
constexpr std::int64_t kScores = std::int64_t{1} << 22;

/// q · kᵀ / sqrt(d). \param q [batch, queries, d] \param k [batch, keys, d]
at::Tensor scores_of(const at::Tensor& q, const at::Tensor& k) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(2)));
  return at::bmm(q, k.transpose(1, 2)).mul(scale);
}

/// softmax(q · kᵀ / sqrt(d)) · v. \param q [batch, queries, d] \param k, v [batch, keys, d]
at::Tensor weighted(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    at::ScalarType type) {
  const at::Tensor pattern = at::softmax(scores_of(q, k), -1);
  // The pattern is rounded to the type of the model before it multiplies the values.
  return at::bmm(pattern.to(type).to(v.scalar_type()), v);
}

/// One large segment, in tiles of queries.
void attend_to_frame(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     at::ScalarType type, at::Tensor z) {
  const std::int64_t heads = q.size(1), patches = q.size(0);
  const std::int64_t rows = std::max<std::int64_t>(1, kScores / (heads * patches));
  const at::Tensor keys = k.transpose(0, 1), values = v.transpose(0, 1);
  for (std::int64_t begin = 0; begin < patches; begin += rows) {
    const std::int64_t count = std::min(rows, patches - begin);
    const at::Tensor queries = q.narrow(0, begin, count).transpose(0, 1);
    z.narrow(0, begin, count).copy_(weighted(queries, keys, values, type).transpose(0, 1));
  }
}

/// Several segments of `size` patches, all in one product.
void attend_to_windows(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       std::int64_t size, at::ScalarType type, at::Tensor z) {
  const std::int64_t windows = q.size(0) / size, heads = q.size(1), d = q.size(2);
  const auto by_window = [&](const at::Tensor& x) {
    return x.reshape({windows, size, heads, d}).transpose(1, 2).reshape({windows * heads, size, d});
  };
  z.copy_(weighted(by_window(q), by_window(k), by_window(v), type)
              .view({windows, heads, size, d})
              .transpose(1, 2)
              .reshape(z.sizes()));
}

}  // namespace

at::Tensor attend_in_segments(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const std::vector<std::int64_t>& starts) {
  const at::ScalarType type = v.scalar_type(), wide = accumulation_type(type);
  const at::Tensor wide_q = q.to(wide), wide_k = k.to(wide), wide_v = v.to(wide);
  at::Tensor z = at::empty_like(v);
  for (std::size_t i = 0; i + 1 < starts.size();) {
    const std::int64_t size = starts[i + 1] - starts[i];
    // Neighbours of one size share a product as long as their scores are few.
    std::size_t end = i + 1;
    const std::int64_t scores = q.size(1) * size * size;
    while (end + 1 < starts.size() && starts[end + 1] - starts[end] == size &&
           static_cast<std::int64_t>(end + 1 - i) * scores <= kScores)
      ++end;
    const std::int64_t begin = starts[i], count = starts[end] - begin;
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, begin, count); };
    if (end == i + 1)
      attend_to_frame(part(wide_q), part(wide_k), part(wide_v), type, part(z));
    else
      attend_to_windows(part(wide_q), part(wide_k), part(wide_v), size, type, part(z));
    i = end;
  }
  return z;
}

at::Tensor attend_in_hooked_segments(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                     const std::vector<std::int64_t>& starts, const HookSite& hooks,
                                     const std::vector<TowerPlaces::Place>& places,
                                     bool gradients) {
  const at::ScalarType type = v.scalar_type(), wide = accumulation_type(type);
  at::Tensor plain;
  if (!gradients) plain = attend_in_segments(q, k, v, starts);
  std::vector<at::Tensor> parts;
  parts.reserve(places.size());
  bool replaced = gradients;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::int64_t begin = starts[i], count = starts[i + 1] - begin;
    const auto by_head = [&](const at::Tensor& x) {
      return x.narrow(0, begin, count).transpose(0, 1).to(wide);
    };
    const HookSite site = hooks.with(places[i]);
    const at::Tensor scores = scores_of(by_head(q), by_head(k));
    const at::Tensor hooked_scores = site.apply(Point::attn_scores, scores);
    at::Tensor pattern = at::softmax(hooked_scores, -1);
    const bool same_scores = !gradients && same_values(scores, hooked_scores);
    // A replacement may hide every key of a query, which then attends to nothing.
    if (!same_scores) pattern = pattern.masked_fill(pattern.isnan(), 0.0);
    pattern = pattern.to(type);
    const at::Tensor hooked_pattern = site.apply(Point::pattern, pattern);
    if (same_scores && same_values(pattern, hooked_pattern)) {
      parts.push_back(plain.narrow(0, begin, count));
      continue;
    }
    replaced = true;
    parts.push_back(at::bmm(hooked_pattern.to(wide), by_head(v)).transpose(0, 1).to(type));
  }
  return replaced ? at::cat(parts) : plain;
}

}  // namespace lensbench
