#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/streaming_statistics.hpp>
#include <sstream>

#include "core/statistics/samples.hpp"
#include "core/statistics/streaming_rows.hpp"

// Moments of a stream, and checks that all streaming statistics share.

namespace lensbench::statistics {

at::Tensor checked_rows(const at::Tensor& rows, std::int64_t width, const std::string& subject) {
  if (!rows.defined() || rows.dim() != 2 || rows.size(1) != width) {
    std::ostringstream found;
    rows.defined() ? found << rows.sizes() : found << "an undefined tensor";
    throw UsageError(subject + ": found rows of shape " + found.str() + ", expected [row, " +
                     std::to_string(width) + "]");
  }
  // float64, since sums over millions of rows lose the digits of a float32.
  const at::Tensor wide = rows.detach().to(at::kCPU).to(at::kDouble).contiguous();
  if (!at::isfinite(wide).all().item<bool>())
    throw UsageError(subject + ": found NaN or infinity, expected finite numbers");
  return wide;
}

void require_positive(std::int64_t value, const std::string& subject, const char* name) {
  if (value < 1)
    throw UsageError(subject + ": found " + name + " " + std::to_string(value) +
                     ", expected at least 1");
}

void require_equal(std::size_t found, std::size_t expected, const std::string& subject) {
  if (found != expected)
    throw UsageError(subject + ": found an object of size " + std::to_string(found) +
                     " to merge, expected " + std::to_string(expected));
}

at::Tensor vector_of(const std::vector<double>& values) {
  at::Tensor out = at::empty({static_cast<std::int64_t>(values.size())}, at::kDouble);
  std::copy(values.begin(), values.end(), out.data_ptr<double>());
  return out;
}

StreamingMoments::StreamingMoments(std::int64_t width) {
  require_positive(width, "streaming moments", "width");
  for (auto* sums : {&mean_, &second_, &third_, &fourth_})
    sums->assign(static_cast<std::size_t>(width), 0.0);
}

// One row at a time, so that the split over calls cannot matter (Pébay 2008, update by one value).
// The order of the updates matters: the fourth moment needs the second and third ones of before.
void StreamingMoments::add(const at::Tensor& rows) {
  const std::size_t width = mean_.size();
  const at::Tensor wide = checked_rows(rows, static_cast<std::int64_t>(width), "streaming moments");
  const double* row = wide.data_ptr<double>();
  for (std::int64_t r = 0; r < wide.size(0); ++r, row += width) {
    const auto before = static_cast<double>(count_), n = static_cast<double>(++count_);
    for (std::size_t i = 0; i < width; ++i) {
      const double delta = row[i] - mean_[i], step = delta / n;
      const double term = delta * step * before;
      mean_[i] += step;
      fourth_[i] += term * step * step * (n * n - 3 * n + 3) + 6 * step * step * second_[i] -
                    4 * step * third_[i];
      third_[i] += term * step * (n - 2) - 3 * step * second_[i];
      second_[i] += term;
    }
  }
}

/// The general formulas for two sets of a and b rows (Pébay 2008).
void StreamingMoments::merge(const StreamingMoments& other) {
  require_equal(other.mean_.size(), mean_.size(), "streaming moments");
  if (other.count_ == 0) return;
  const auto a = static_cast<double>(count_), b = static_cast<double>(other.count_), n = a + b;
  for (std::size_t i = 0; i < mean_.size(); ++i) {
    const double delta = other.mean_[i] - mean_[i], step = delta / n;
    fourth_[i] += other.fourth_[i] + delta * step * step * step * a * b * (a * a - a * b + b * b) +
                  6 * step * step * (a * a * other.second_[i] + b * b * second_[i]) +
                  4 * step * (a * other.third_[i] - b * third_[i]);
    third_[i] += other.third_[i] + delta * step * step * a * b * (a - b) +
                 3 * step * (a * other.second_[i] - b * second_[i]);
    second_[i] += other.second_[i] + delta * step * a * b;
    mean_[i] += step * b;
  }
  count_ += other.count_;
}

at::Tensor StreamingMoments::mean() const {
  if (count_ == 0)
    return at::full({static_cast<std::int64_t>(mean_.size())}, kUndefined, at::kDouble);
  return vector_of(mean_);
}

at::Tensor StreamingMoments::variance() const {
  std::vector<double> out;
  for (const double sum : second_)
    out.push_back(count_ < 2 ? kUndefined : sum / static_cast<double>(count_ - 1));
  return vector_of(out);
}

at::Tensor StreamingMoments::root_mean_square() const {
  std::vector<double> out;
  for (std::size_t i = 0; i < mean_.size(); ++i)
    out.push_back(count_ == 0
                      ? kUndefined
                      : std::sqrt(mean_[i] * mean_[i] + second_[i] / static_cast<double>(count_)));
  return vector_of(out);
}

/// m4 / m2² - 3 with moments of divisor n, which is not corrected for small samples.
at::Tensor StreamingMoments::excess_kurtosis() const {
  std::vector<double> out;
  for (std::size_t i = 0; i < mean_.size(); ++i)
    out.push_back(second_[i] > 0
                      ? static_cast<double>(count_) * fourth_[i] / (second_[i] * second_[i]) - 3
                      : kUndefined);
  return vector_of(out);
}

}  // namespace lensbench::statistics
