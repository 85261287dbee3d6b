#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <lensbench/streaming_statistics.hpp>
#include <utility>

#include "core/statistics/samples.hpp"
#include "core/statistics/streaming_rows.hpp"

// Covariance of a stream by the pairwise update of Chan, Golub and LeVeque (1983): groups of rows
// are centred at their own mean, and the scatter of two groups is the sum of both and a term for
// the distance of their means. Sums of raw products would lose the digits that matter if the mean
// is large.

namespace lensbench::statistics {
namespace {

// Rows of one matrix product. The groups are those of the row numbers, not of the calls of `add`.
constexpr std::int64_t kGroup = 64;

}  // namespace

StreamingCovariance::StreamingCovariance(std::int64_t width) {
  require_positive(width, "streaming covariance", "width");
  mean_ = at::zeros({width}, at::kDouble);
  scatter_ = at::zeros({width, width}, at::kDouble);
  pending_ = at::empty({kGroup, width}, at::kDouble);
}

StreamingCovariance::~StreamingCovariance() = default;
StreamingCovariance::StreamingCovariance(StreamingCovariance&&) noexcept = default;
StreamingCovariance& StreamingCovariance::operator=(StreamingCovariance&&) noexcept = default;

// Copies of tensors share their memory, which `add` writes to.
StreamingCovariance::StreamingCovariance(const StreamingCovariance& other)
    : count_(other.count_),
      pending_count_(other.pending_count_),
      mean_(other.mean_.clone()),
      scatter_(other.scatter_.clone()),
      pending_(other.pending_.clone()) {}

StreamingCovariance& StreamingCovariance::operator=(const StreamingCovariance& other) {
  StreamingCovariance copy(other);
  return *this = std::move(copy);
}

/// Rows are collected to groups of 64, whatever the calls are, so that the result does not depend
/// on them.
void StreamingCovariance::add(const at::Tensor& rows) {
  const at::Tensor wide = checked_rows(rows, mean_.size(0), "streaming covariance");
  for (std::int64_t first = 0; first < wide.size(0);) {
    const std::int64_t n = std::min(wide.size(0) - first, kGroup - pending_count_);
    pending_.narrow(0, pending_count_, n).copy_(wide.narrow(0, first, n));
    pending_count_ += n;
    first += n;
    if (pending_count_ == kGroup) flush();
  }
}

/// Takes the pending rows into the sums.
void StreamingCovariance::flush() {
  if (pending_count_ == 0) return;
  const at::Tensor rows = pending_.narrow(0, 0, pending_count_);
  const at::Tensor mean = rows.mean(0), centred = rows - mean, delta = mean - mean_;
  const auto a = static_cast<double>(count_), b = static_cast<double>(pending_count_);
  scatter_.addmm_(centred.t(), centred);
  // Term for the distance of the means, with a and b rows: delta deltaᵀ ab / (a + b).
  scatter_.addr_(delta, delta, 1.0, a * b / (a + b));
  mean_ = mean_ + delta * (b / (a + b));
  count_ += pending_count_;
  pending_count_ = 0;
}

/// `other` is copied, because its pending rows belong to its sums as well.
void StreamingCovariance::merge(const StreamingCovariance& other) {
  require_equal(static_cast<std::size_t>(other.mean_.size(0)),
                static_cast<std::size_t>(mean_.size(0)), "streaming covariance");
  flush();
  StreamingCovariance whole = other;
  whole.flush();
  if (whole.count_ == 0) return;
  const at::Tensor delta = whole.mean_ - mean_;
  const auto a = static_cast<double>(count_), b = static_cast<double>(whole.count_);
  scatter_.add_(whole.scatter_);
  scatter_.addr_(delta, delta, 1.0, a * b / (a + b));
  mean_ = mean_ + delta * (b / (a + b));
  count_ += whole.count_;
}

/// Complete without changing this object: rows may be added after it.
at::Tensor StreamingCovariance::mean() const {
  if (count() == 0) return at::full({mean_.size(0)}, kUndefined, at::kDouble);
  StreamingCovariance whole = *this;
  whole.flush();
  return whole.mean_;
}

at::Tensor StreamingCovariance::covariance() const {
  if (count() < 2) return at::full(scatter_.sizes(), kUndefined, at::kDouble);
  StreamingCovariance whole = *this;
  whole.flush();
  const at::Tensor out = whole.scatter_ / static_cast<double>(count() - 1);
  return (out + out.t()) / 2;  // a matrix product need not be symmetric in the last bit
}

}  // namespace lensbench::statistics
