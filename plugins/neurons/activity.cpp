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
/// First exponent of the bins of `SignedCounts`, below which float32 values are not normal.
constexpr int kFirstExponent = -126;

std::int32_t key_of(float value) {
  return static_cast<std::int32_t>((std::bit_cast<std::uint32_t>(value) & 0x7fffffffU) >>
                                   kDroppedBits);
}

float edge_of(std::int32_t key) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(key) << kDroppedBits);
}

/// Quotient rounded down.
std::int64_t half(std::int64_t bin) {
  return bin >= 0 ? bin / 2 : -((1 - bin) / 2);
}

}  // namespace

ColumnMoments::ColumnMoments(std::int64_t width)
    : tiles_(static_cast<std::size_t>((width + kTileColumns - 1) / kTileColumns)) {}

void ColumnMoments::add(const Tile& tile) {
  Sums& sums = tiles_[static_cast<std::size_t>(tile.first_column / kTileColumns)];
  MomentSums& moments = sums.moments;
  if (sums.count == 0) {
    std::copy_n(tile.values, kTileColumns, moments.shift.begin());
    moments.maximum = moments.minimum = moments.shift;
  }
  best_loops().moments(tile.values, tile.rows, moments);
  sums.count += tile.rows;
  for (std::size_t i = 0; i < moments.positive.size(); ++i)
    sums.positive[i] += std::exchange(moments.positive[i], 0);
}

double ColumnMoments::mean(std::size_t neuron) const {
  const auto [sums, i] = at(neuron);
  if (count() == 0) return kNaN;
  return static_cast<double>(sums.shift[i]) + sums.first[i] / static_cast<double>(count());
}

double ColumnMoments::root_mean_square(std::size_t neuron) const {
  const auto [sums, i] = at(neuron);
  if (count() == 0) return kNaN;
  // mean (shift + d)²
  const auto shift = static_cast<double>(sums.shift[i]), n = static_cast<double>(count());
  return std::sqrt(std::max(0.0, shift * shift + (2 * shift * sums.first[i] + sums.second[i]) / n));
}

double ColumnMoments::excess_kurtosis(std::size_t neuron) const {
  const auto [sums, i] = at(neuron);
  const auto n = static_cast<double>(count());
  const double m = sums.first[i] / n;
  const double second = sums.second[i] / n - m * m;
  const double fourth = sums.fourth[i] / n - 4 * m * sums.third[i] / n +
                        6 * m * m * sums.second[i] / n - 3 * m * m * m * m;
  return count() > 0 && second > 0 ? fourth / (second * second) - 3 : kNaN;
}

double ColumnMoments::maximum(std::size_t neuron) const {
  const auto [sums, i] = at(neuron);
  return count() == 0 ? kNaN : static_cast<double>(sums.maximum[i]);
}

double ColumnMoments::minimum(std::size_t neuron) const {
  const auto [sums, i] = at(neuron);
  return count() == 0 ? kNaN : static_cast<double>(sums.minimum[i]);
}

std::int64_t ColumnMoments::positive(std::size_t neuron) const {
  return tiles_[neuron / kTileColumns].positive[neuron % kTileColumns];
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

void SizeCounts::add(std::int64_t first_neuron, const Tile& tile) {
  const auto neuron = static_cast<std::size_t>(first_neuron);
  const auto columns = static_cast<std::size_t>(tile.columns);
  const Loops& loops = best_loops();
  ByColumn<std::int32_t> largest;
  loops.largest(tile.values, tile.rows, largest);
  SizeBins bins;
  for (std::size_t i = 0; i < columns; ++i) {
    const std::int32_t base = base_[neuron + i];
    if (largest[i] > 0 && (base < 0 || largest[i] >= base + kBins)) raise(neuron + i, largest[i]);
    // A key of 0 is smaller than the first bin, also where no value was larger.
    bins.first[i] = std::max(base_[neuron + i], 1);
    bins.before[i] = base_[neuron + i] - 1;
  }
  std::uint32_t* counts = &counts_[neuron * kCounts];
  if (tile.columns == kTileColumns) {
    loops.sizes(tile.values, tile.rows, bins, counts, kCounts);
  } else {
    std::vector<std::uint32_t> wide(static_cast<std::size_t>(kTileColumns * kCounts), 0);
    loops.sizes(tile.values, tile.rows, bins, wide.data(), kCounts);
    for (std::size_t i = 0; i < columns * kCounts; ++i) counts[i] += wide[i];
  }
  for (std::size_t i = 0; i < columns; ++i)
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

void SignedCounts::add(const float* values, std::int64_t count) {
  if (count < 1) return;
  float least = 0, most = 0;
  best_loops().range(values, count, least, most);
  include(least, most);
  // The width is a power of two, so these products are exact, but for values next to 0.
  best_loops().bins(values, count,
                    {static_cast<float>(1 / per_unit_), static_cast<float>(per_unit_),
                     static_cast<std::int32_t>(bins_)},
                    counts_.data(), 2 * bins_);
}

void SignedCounts::add(const Tile& tile) {
  if (tile.columns == kTileColumns) return add(tile.values, tile.rows * kTileColumns);
  for (std::int64_t r = 0; r < tile.rows; ++r) add(tile.values + r * kTileColumns, tile.columns);
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
