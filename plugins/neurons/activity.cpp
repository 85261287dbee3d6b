#include "activity.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace lensbench::neurons {
namespace {

constexpr std::int32_t kPerOctave = 16, kBins = 16 * kPerOctave;
/// Counts of a neuron: of the values smaller than the first bin that are being added, and of bins.
constexpr std::int32_t kCounts = 1 + kBins;
/// Neurons whose values are counted at a time: one line of the cache in each row.
constexpr std::size_t kLine = 16;
/// Neurons whose sums are updated at a time.
constexpr std::size_t kColumns = 256;
/// Values whose bins are computed before they are counted.
constexpr std::int64_t kValues = 256;
/// Counts of a bin of `SignedCounts`, whose sum counts.
constexpr std::int64_t kCopies = 4;
/// Bits of a float32 below its exponent and four digits.
constexpr int kDropped = 19;
/// First exponent of the bins of `SignedCounts`, below which float32 values are not normal.
constexpr int kFirstExponent = -126;

std::int32_t key_of(float value) {
  return static_cast<std::int32_t>((std::bit_cast<std::uint32_t>(value) & 0x7fffffffU) >> kDropped);
}

float edge_of(std::int32_t key) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(key) << kDropped);
}

/// Smallest and largest value. Lanes of their own, because a comparison waits for the one before.
std::pair<float, float> range_of(const float* values, std::size_t count) {
  constexpr std::size_t kLanes = 8;
  std::array<float, kLanes> least, most;
  least.fill(values[0]);
  most.fill(values[0]);
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const float value = values[i + lane];
      least[lane] = value < least[lane] ? value : least[lane];
      most[lane] = value > most[lane] ? value : most[lane];
    }
  for (; i < count; ++i) {
    least[0] = std::min(least[0], values[i]);
    most[0] = std::max(most[0], values[i]);
  }
  return {*std::min_element(least.begin(), least.end()),
          *std::max_element(most.begin(), most.end())};
}

/// Quotient rounded down.
std::int64_t half(std::int64_t bin) {
  return bin >= 0 ? bin / 2 : -((1 - bin) / 2);
}

}  // namespace

ColumnMoments::ColumnMoments(std::int64_t width) {
  const auto n = static_cast<std::size_t>(width);
  shift_.assign(n, 0.0F);
  maximum_.assign(n, -std::numeric_limits<float>::infinity());
  minimum_.assign(n, std::numeric_limits<float>::infinity());
  for (auto* sums : {&first_, &second_, &third_, &fourth_}) sums->assign(n, 0.0);
  positive_.assign(n, 0);
}

// One row after another, so that sums do not depend on the pieces. Few columns at a time, whose
// sums stay in the fastest cache; columns do not depend on each other, so the inner loop is
// vectorised.
void ColumnMoments::add(const float* rows, std::int64_t count) {
  const std::size_t width = shift_.size();
  if (count_ == 0 && count > 0) shift_.assign(rows, rows + width);
  std::array<std::int32_t, kColumns> positive{};
  for (std::size_t begin = 0; begin < width; begin += kColumns) {
    const std::size_t columns = std::min(kColumns, width - begin);
    const float* shift = &shift_[begin];
    float *most = &maximum_[begin], *least = &minimum_[begin];
    double *first = &first_[begin], *second = &second_[begin];
    double *third = &third_[begin], *fourth = &fourth_[begin];
    positive.fill(0);
    for (std::int64_t r = 0; r < count; ++r) {
      const float* row = rows + static_cast<std::size_t>(r) * width + begin;
      for (std::size_t i = 0; i < columns; ++i) {
        most[i] = row[i] > most[i] ? row[i] : most[i];
        least[i] = row[i] < least[i] ? row[i] : least[i];
        positive[i] += row[i] > 0 ? 1 : 0;
      }
      for (std::size_t i = 0; i < columns; ++i) {
        const double d = static_cast<double>(row[i]) - static_cast<double>(shift[i]);
        const double square = d * d;
        first[i] += d;
        second[i] += square;
        third[i] += square * d;
        fourth[i] += square * square;
      }
    }
    for (std::size_t i = 0; i < columns; ++i) positive_[begin + i] += positive[i];
  }
  count_ += count;
}

double ColumnMoments::mean(std::size_t neuron) const {
  if (count_ == 0) return kNaN;
  return static_cast<double>(shift_[neuron]) + first_[neuron] / static_cast<double>(count_);
}

double ColumnMoments::root_mean_square(std::size_t neuron) const {
  if (count_ == 0) return kNaN;
  // mean (shift + d)²
  const auto shift = static_cast<double>(shift_[neuron]), n = static_cast<double>(count_);
  return std::sqrt(
      std::max(0.0, shift * shift + (2 * shift * first_[neuron] + second_[neuron]) / n));
}

double ColumnMoments::excess_kurtosis(std::size_t neuron) const {
  const auto n = static_cast<double>(count_);
  const double m = first_[neuron] / n;
  const double second = second_[neuron] / n - m * m;
  const double fourth = fourth_[neuron] / n - 4 * m * third_[neuron] / n +
                        6 * m * m * second_[neuron] / n - 3 * m * m * m * m;
  return count_ > 0 && second > 0 ? fourth / (second * second) - 3 : kNaN;
}

double ColumnMoments::maximum(std::size_t neuron) const {
  return count_ == 0 ? kNaN : static_cast<double>(maximum_[neuron]);
}

double ColumnMoments::minimum(std::size_t neuron) const {
  return count_ == 0 ? kNaN : static_cast<double>(minimum_[neuron]);
}

SizeCounts::SizeCounts(std::int64_t width)
    : counts_(static_cast<std::size_t>(width * kCounts), 0),
      below_(static_cast<std::size_t>(width), 0),
      base_(static_cast<std::size_t>(width), -1) {}

const std::uint32_t* SizeCounts::bins(std::int64_t neuron) const {
  return &counts_[static_cast<std::size_t>(neuron) * kCounts + 1];
}

void SizeCounts::raise(std::size_t n, std::int32_t key) {
  const std::int32_t base = std::max(0, (key / kPerOctave + 1) * kPerOctave - kBins);
  std::uint32_t* counts = &counts_[n * kCounts + 1];
  if (base_[n] >= 0) {
    const std::int32_t shift = std::min(base - base_[n], kBins);
    below_[n] += std::accumulate(counts, counts + shift, std::int64_t{0});
    std::copy(counts + shift, counts + kBins, counts);
    std::fill(counts + kBins - shift, counts + kBins, 0U);
  }
  base_[n] = base;
}

// A few neurons at a time, whose counts stay in the fastest cache.
void SizeCounts::add(std::int64_t neuron, const float* rows, std::int64_t width,
                     std::int64_t count) {
  const auto first = static_cast<std::size_t>(neuron), neurons = static_cast<std::size_t>(width);
  std::size_t i = 0;
  for (; i + kLine <= neurons; i += kLine) add_neurons<kLine>(first + i, rows + i, width, count);
  for (; i < neurons; ++i) add_neurons<1>(first + i, rows + i, width, count);
}

// The keys of a row are computed in a loop that is vectorised, and the counts of different neurons
// do not wait for each other.
template <std::size_t kNeurons>
void SizeCounts::add_neurons(std::size_t neuron, const float* rows, std::int64_t width,
                             std::int64_t count) {
  std::array<std::int32_t, kNeurons> largest{}, first, before;
  for (std::int64_t r = 0; r < count; ++r)
    for (std::size_t i = 0; i < kNeurons; ++i) {
      const std::int32_t key = key_of(rows[r * width + static_cast<std::int64_t>(i)]);
      largest[i] = key > largest[i] ? key : largest[i];
    }
  for (std::size_t i = 0; i < kNeurons; ++i) {
    const std::int32_t base = base_[neuron + i];
    if (largest[i] > 0 && (base < 0 || largest[i] >= base + kBins)) raise(neuron + i, largest[i]);
    // A key of 0 is smaller than the first bin, also where no value was larger.
    first[i] = std::max(base_[neuron + i], 1);
    before[i] = base_[neuron + i] - 1;
  }
  std::uint32_t* counts = &counts_[neuron * kCounts];
  std::array<std::int32_t, kNeurons> bin;
  for (std::int64_t r = 0; r < count; ++r) {
    const float* row = rows + r * width;
    for (std::size_t i = 0; i < kNeurons; ++i) {
      const std::int32_t key = key_of(row[i]);
      bin[i] = static_cast<std::int32_t>(i) * kCounts + (key < first[i] ? 0 : key - before[i]);
    }
    for (std::size_t i = 0; i < kNeurons; ++i) ++counts[bin[i]];
  }
  for (std::size_t i = 0; i < kNeurons; ++i)
    below_[neuron + i] += std::exchange(counts[i * kCounts], 0U);
}

float SizeCounts::nearest_edge(std::int64_t neuron, double size) const {
  const std::int32_t base = base_[static_cast<std::size_t>(neuron)];
  if (base < 0) return 0;
  const auto value = static_cast<float>(size);
  std::int32_t key = key_of(value);
  if (value - edge_of(key) > edge_of(key + 1) - value) ++key;
  return edge_of(std::max({key, base, 1}));
}

std::int64_t SizeCounts::count_from(std::int64_t neuron, float edge) const {
  const std::int32_t base = base_[static_cast<std::size_t>(neuron)];
  if (base < 0) return 0;
  const std::uint32_t* counts = bins(neuron);
  const std::int32_t first = std::clamp(key_of(edge) - base, 0, kBins);
  return std::accumulate(counts + first, counts + kBins, std::int64_t{0});
}

std::int64_t SizeCounts::count(std::int64_t neuron) const {
  const std::uint32_t* counts = bins(neuron);
  return std::accumulate(counts, counts + kBins, below_[static_cast<std::size_t>(neuron)]);
}

double SizeCounts::gini(std::int64_t neuron) const {
  const auto n = static_cast<std::size_t>(neuron);
  if (base_[n] < 0) return kNaN;
  const std::uint32_t* counts = bins(neuron);
  const auto all = static_cast<double>(count(neuron));
  // Values before the first bin are at most 2^-16 of the largest; they count as 0. The k values of
  // a bin that follow `before` smaller ones have the ranks before + 1 to before + k.
  double before = static_cast<double>(below_[n]), sum = 0, weighted = 0;
  for (std::int32_t bin = 0; bin < kBins; ++bin) {
    const double k = counts[bin];
    if (k == 0) continue;
    const std::int32_t key = base_[n] + bin;
    const double middle =
        (static_cast<double>(edge_of(key)) + static_cast<double>(edge_of(key + 1))) / 2;
    sum += k * middle;
    weighted += k * middle * (all - before - k / 2);
    before += k;
  }
  return 1 - 2 * weighted / (sum * all);
}

SignedCounts::SignedCounts(std::int64_t bins)
    : bins_(bins),
      exponent_(kFirstExponent),
      per_unit_(std::ldexp(1.0, -kFirstExponent)),
      counts_(static_cast<std::size_t>(2 * bins * kCopies), 0) {}

void SignedCounts::widen() {
  std::vector<std::int64_t> wider(counts_.size(), 0);
  for (std::int64_t bin = -bins_; bin < bins_; ++bin)
    wider[static_cast<std::size_t>(half(bin) + bins_)] += count(bin);
  counts_ = std::move(wider);
  per_unit_ = std::ldexp(1.0, -++exponent_);
}

void SignedCounts::include(float least, float most) {
  const auto limit = static_cast<double>(bins_);
  while (!(static_cast<double>(least) * per_unit_ >= -limit &&
           static_cast<double>(most) * per_unit_ < limit))
    widen();
}

// The bins of a few values first, in a loop that is vectorised. Most values are in few bins, and an
// addition to a count waits for the one before, so neighbours have counts of their own.
void SignedCounts::add(const float* values, std::int64_t count) {
  std::array<std::int32_t, kValues> bins;
  for (; count > 0; count -= kValues, values += kValues) {
    const auto some = static_cast<std::size_t>(std::min<std::int64_t>(count, kValues));
    const auto [least, most] = range_of(values, some);
    include(least, most);
    // The width is a power of two, so these products are exact, but for values next to 0.
    const auto width = static_cast<float>(1 / per_unit_), per_unit = static_cast<float>(per_unit_);
    const auto middle = static_cast<std::int32_t>(bins_);
    for (std::size_t i = 0; i < some; ++i) {
      const auto bin = static_cast<std::int32_t>(values[i] * per_unit);
      // Rounds down, also below 0.
      bins[i] = bin + middle - (static_cast<float>(bin) * width > values[i] ? 1 : 0);
    }
    std::int64_t* counts = counts_.data();
    std::size_t i = 0;
    for (; i + kCopies <= some; i += kCopies)
      for (std::int64_t copy = 0; copy < kCopies; ++copy)
        ++counts[copy * 2 * bins_ + bins[i + static_cast<std::size_t>(copy)]];
    for (; i < some; ++i) ++counts[bins[i]];
  }
}

std::int64_t SignedCounts::first() const {
  for (std::int64_t bin = -bins_; bin < bins_; ++bin)
    if (count(bin) > 0) return bin;
  return 0;
}

std::int64_t SignedCounts::last() const {
  for (std::int64_t bin = bins_ - 1; bin >= -bins_; --bin)
    if (count(bin) > 0) return bin;
  return 0;
}

std::int64_t SignedCounts::count(std::int64_t bin) const {
  if (bin < -bins_ || bin >= bins_) return 0;
  std::int64_t sum = 0;
  for (std::int64_t copy = 0; copy < kCopies; ++copy)
    sum += counts_[static_cast<std::size_t>(copy * 2 * bins_ + bin + bins_)];
  return sum;
}

double hoyer(double l1, double squares, std::int64_t n) {
  if (n < 2 || !(squares > 0)) return kNaN;
  const double root = std::sqrt(static_cast<double>(n));
  return (root - l1 / std::sqrt(squares)) / (root - 1);
}

double gini(std::vector<double> sizes) {
  std::sort(sizes.begin(), sizes.end());
  const auto n = static_cast<double>(sizes.size());
  double sum = 0, weighted = 0, rank = 0;
  for (const double size : sizes) {
    sum += size;
    weighted += size * (n - ++rank + 0.5);
  }
  return sum > 0 ? 1 - 2 * weighted / (sum * n) : kNaN;
}

VectorMeasures measures_of(const std::vector<double>& values) {
  VectorMeasures out;
  std::vector<double> sizes;
  sizes.reserve(values.size());
  double squares = 0, sum = 0;
  for (const double value : values) {
    sizes.push_back(std::abs(value));
    out.l1 += sizes.back();
    squares += value * value;
    sum += value;
  }
  const auto n = static_cast<double>(values.size());
  double second = 0, fourth = 0;
  for (const double value : values) {
    const double square = (value - sum / n) * (value - sum / n);
    second += square;
    fourth += square * square;
  }
  out.hoyer = hoyer(out.l1, squares, std::ssize(values));
  out.gini = gini(std::move(sizes));
  out.kurtosis = second > 0 ? n * fourth / (second * second) - 3 : kNaN;
  return out;
}

}  // namespace lensbench::neurons
