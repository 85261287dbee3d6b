#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/streaming_statistics.hpp>

#include "core/statistics/streaming_rows.hpp"

// Largest values and histograms of streams. Both are exact and independent of how the rows are
// split over calls: entries are ordered by value and then by row number, and counts are whole
// numbers.

namespace lensbench::statistics {
namespace {

/// Order of entries. The index decides between equal values, so that the order of a merge does not.
bool comes_before(const TopEntry& a, const TopEntry& b) {
  return a.value != b.value ? a.value > b.value : a.index < b.index;
}

at::Tensor integers(const std::vector<std::int64_t>& values, std::vector<std::int64_t> shape) {
  at::Tensor out = at::empty(shape, at::kLong);
  std::copy(values.begin(), values.end(), out.data_ptr<std::int64_t>());
  return out;
}

void add_counts(std::vector<std::int64_t>& sums, const std::vector<std::int64_t>& others) {
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += others[i];
}

}  // namespace

StreamingTop::StreamingTop(std::int64_t width, std::int64_t k, bool distinct)
    : k_(k), distinct_(distinct) {
  require_positive(width, "streaming top", "width");
  require_positive(k, "streaming top", "k");
  columns_.resize(static_cast<std::size_t>(width));
}

/// Offers a value to a sorted list of at most k. With `distinct`, a group keeps its best entry
/// only.
void StreamingTop::offer(std::vector<TopEntry>& entries, const TopEntry& entry) const {
  const bool full = std::ssize(entries) == k_;
  // The common case: a value below all that are kept.
  if (full && !comes_before(entry, entries.back())) return;
  if (distinct_) {
    const auto same = std::find_if(entries.begin(), entries.end(), [&](const TopEntry& other) {
      return other.group == entry.group;
    });
    // A better value of the group takes the place of the earlier one.
    if (same != entries.end()) {
      if (!comes_before(entry, *same)) return;
      entries.erase(same);
    }
  }
  entries.insert(std::upper_bound(entries.begin(), entries.end(), entry, comes_before), entry);
  if (std::ssize(entries) > k_) entries.pop_back();
}

/// Rows are numbered over all calls.
void StreamingTop::add(const at::Tensor& rows, const std::vector<std::int64_t>& groups) {
  const at::Tensor wide =
      checked_rows(rows, static_cast<std::int64_t>(columns_.size()), "streaming top");
  if (!groups.empty() && std::ssize(groups) != wide.size(0))
    throw UsageError("streaming top: found " + std::to_string(groups.size()) + " groups for " +
                     std::to_string(wide.size(0)) + " rows; expected one for each");
  const double* row = wide.data_ptr<double>();
  for (std::int64_t r = 0; r < wide.size(0); ++r, row += columns_.size(), ++count_)
    for (std::size_t i = 0; i < columns_.size(); ++i)
      offer(columns_[i],
            {row[i], count_, groups.empty() ? 0 : groups[static_cast<std::size_t>(r)]});
}

/// Indices of `other` remain as they are: the caller numbers the rows of its parts.
void StreamingTop::merge(const StreamingTop& other) {
  require_equal(other.columns_.size(), columns_.size(), "streaming top");
  if (other.k_ != k_ || other.distinct_ != distinct_)
    throw UsageError("streaming top: an object with another k or `distinct` cannot be merged");
  for (std::size_t i = 0; i < columns_.size(); ++i)
    for (const TopEntry& entry : other.columns_[i]) offer(columns_[i], entry);
  count_ += other.count_;
}

const std::vector<TopEntry>& StreamingTop::of(std::int64_t column) const {
  if (column < 0 || column >= std::ssize(columns_))
    throw UsageError("streaming top: column " + std::to_string(column) +
                     " does not exist; expected 0 to " + std::to_string(columns_.size() - 1));
  return columns_[static_cast<std::size_t>(column)];
}

/// Edges are fixed before the first row, since a second pass over a stream is not possible.
StreamingHistogram::StreamingHistogram(std::int64_t width, double low, double high,
                                       std::int64_t bins)
    : low_(low), high_(high), bins_(bins) {
  require_positive(width, "streaming histogram", "width");
  require_positive(bins, "streaming histogram", "bins");
  if (!std::isfinite(low) || !std::isfinite(high) || !(low < high))
    throw UsageError("streaming histogram: found edges " + std::to_string(low) + " and " +
                     std::to_string(high) + ", expected finite ones, the lower first");
  counts_.assign(static_cast<std::size_t>(width * bins), 0);
  below_.assign(static_cast<std::size_t>(width), 0);
  above_ = below_;
}

void StreamingHistogram::add(const at::Tensor& rows) {
  const std::size_t width = below_.size();
  const at::Tensor wide =
      checked_rows(rows, static_cast<std::int64_t>(width), "streaming histogram");
  const double* row = wide.data_ptr<double>();
  for (std::int64_t r = 0; r < wide.size(0); ++r, row += width)
    for (std::size_t i = 0; i < width; ++i) {
      // Values outside are counted apart, so that the bins and these counts add up to all rows.
      if (row[i] < low_) {
        ++below_[i];
      } else if (row[i] > high_) {
        ++above_[i];
      } else {
        // Rounding may give `bins_` for a value at or just below the upper edge.
        const double place = (row[i] - low_) / (high_ - low_) * static_cast<double>(bins_);
        const auto bin = std::min(static_cast<std::int64_t>(place), bins_ - 1);
        ++counts_[i * static_cast<std::size_t>(bins_) + static_cast<std::size_t>(bin)];
      }
    }
  count_ += wide.size(0);
}

void StreamingHistogram::merge(const StreamingHistogram& other) {
  require_equal(other.below_.size(), below_.size(), "streaming histogram");
  if (other.low_ != low_ || other.high_ != high_ || other.bins_ != bins_)
    throw UsageError("streaming histogram: an object with other bins cannot be merged");
  add_counts(counts_, other.counts_);
  add_counts(below_, other.below_);
  add_counts(above_, other.above_);
  count_ += other.count_;
}

at::Tensor StreamingHistogram::counts() const {
  return integers(counts_, {static_cast<std::int64_t>(below_.size()), bins_});
}

at::Tensor StreamingHistogram::below() const {
  return integers(below_, {static_cast<std::int64_t>(below_.size())});
}

at::Tensor StreamingHistogram::above() const {
  return integers(above_, {static_cast<std::int64_t>(above_.size())});
}

/// Each edge is computed from the ends, so that rounding does not add up from edge to edge.
at::Tensor StreamingHistogram::edges() const {
  std::vector<double> out;
  for (std::int64_t i = 0; i <= bins_; ++i)
    out.push_back(low_ + (high_ - low_) * static_cast<double>(i) / static_cast<double>(bins_));
  return vector_of(out);
}

}  // namespace lensbench::statistics
