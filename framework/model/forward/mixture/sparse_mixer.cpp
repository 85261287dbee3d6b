#include "model/forward/mixture/sparse_mixer.hpp"

#include <ATen/ops/cat.h>
#include <ATen/ops/max.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/softmax.h>

#include <limits>
#include <tuple>

namespace lensbench {
namespace {

constexpr double kOut = -std::numeric_limits<double>::infinity();

/// One choice after another. Sums and products are float32 and rounded to the type of the scores,
/// as operations on half precision are.
class SparseMixer {
 public:
  SparseMixer(const at::Tensor& scores, double jitter)
      : type_(scores.scalar_type()),
        scores_(scores.to(at::kFloat)),
        limit_(rounded(at::scalar_tensor(2.0 * jitter, scores_.options().requires_grad(false)))) {}

  MixerRouting operator()() const {
    const auto [best, first] = at::max(scores_, -1, true);
    const at::Tensor share = shares_near(best, scores_).gather(-1, first);
    const at::Tensor others = scores_.scatter(-1, first, kOut);
    const auto [next, second] = at::max(others, -1, true);
    return {shares_near(next, others).scatter(-1, first, share), at::cat({first, second}, -1)};
  }

 private:
  at::Tensor rounded(const at::Tensor& x) const { return x.to(type_).to(at::kFloat); }

  /// Softmax of candidates [row, expert] that are near the best of them [row, 1].
  at::Tensor shares_near(const at::Tensor& best, const at::Tensor& candidates) const {
    const at::Tensor size = at::maximum(scores_.abs(), best);
    const at::Tensor gap = rounded(rounded(best.sub(scores_)).div(size));
    return rounded(at::softmax(candidates.masked_fill(gap.gt(limit_), kOut), -1));
  }

  at::ScalarType type_;
  at::Tensor scores_;
  at::Tensor limit_;  ///< [] largest gap of an expert that is near
};

}  // namespace

MixerRouting sparse_mixer(const at::Tensor& scores, double jitter) {
  return SparseMixer(scores, jitter)();
}

}  // namespace lensbench
