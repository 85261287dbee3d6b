#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "loops.hpp"

namespace lensbench::neurons {

/// Value of a measure that is not defined.
inline constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Moments, range and signs of the activations of some neurons. It is several times faster than
/// `StreamingMoments`, which does not assume anything of the values: sums of powers are of the
/// deviations from the first value, which is near all others, or at most as far from their mean as
/// an outlier.
class ColumnMoments {
 public:
  explicit ColumnMoments(std::int64_t width);

  /// Adds a tile of finite values; rows are added in order.
  void add(const Tile& tile);

  std::int64_t count() const { return tiles_.front().count; }  ///< rows
  double mean(std::size_t neuron) const;                       ///< NaN without rows
  double root_mean_square(std::size_t neuron) const;           ///< NaN without rows
  double excess_kurtosis(std::size_t neuron) const;            ///< NaN: all equal
  double maximum(std::size_t neuron) const;                    ///< NaN without rows
  double minimum(std::size_t neuron) const;                    ///< NaN without rows
  std::int64_t positive(std::size_t neuron) const;

 private:
  struct Sums {
    MomentSums moments;
    ByColumn<std::int64_t> positive{};
    std::int64_t count = 0;
  };
  std::pair<const MomentSums&, std::size_t> at(std::size_t neuron) const {
    return {tiles_[neuron / kTileColumns].moments, neuron % kTileColumns};
  }
  std::vector<Sums> tiles_;
};

/// Counts of the sizes |a| of each neuron's activations, in bins of five binary digits: 16 in each
/// octave, so that a bin is 1/16 to 1/32 of its value wide. The 16 octaves up to the largest value
/// are kept, so memory is the same for any number of values; what is smaller is counted as one.
/// Counts from an edge upwards are exact, and do not depend on the order of the values.
class SizeCounts {
 public:
  explicit SizeCounts(std::int64_t width);

  /// Adds a tile of finite values of neurons from `first_neuron` on.
  void add(std::int64_t first_neuron, const Tile& tile);

  /// The edge of a bin next to `size`; 0 for a neuron without activations other than 0.
  float nearest_edge(std::int64_t neuron, double size) const;
  /// Number of values with |a| >= `edge`, one of `nearest_edge`.
  std::int64_t count_from(std::int64_t neuron, float edge) const;
  /// Gini coefficient of |a|, with each value at the middle of its bin; the error is below 0.065
  /// for any values, and mostly below 0.001. NaN if all values are 0.
  double gini(std::int64_t neuron) const;
  /// All values of a neuron.
  std::int64_t count(std::int64_t neuron) const;

 private:
  void raise(std::size_t neuron, std::int32_t key);
  const std::uint32_t* bins(std::int64_t neuron) const;

  std::vector<std::uint32_t> counts_;  ///< [neuron, 1 + bin]
  std::vector<std::int64_t> below_;    ///< values smaller than the first bin
  std::vector<std::int32_t> base_;     ///< key of the first bin; -1: only zeros so far
};

/// Counts of signed activations in bins of equal width, a power of two, that all blocks share. The
/// width is the smallest for which all values are in at most `bins` bins, and does not depend on
/// the order of the values.
class SignedCounts {
 public:
  explicit SignedCounts(std::int64_t bins);

  /// Adds finite values.
  void add(const float* values, std::int64_t count);
  void add(const Tile& tile);
  /// Bins of width 2^exponent, numbered from 0 at value 0, that have values.
  std::int64_t first() const;  ///< the lowest; 0 without values
  std::int64_t last() const;   ///< the highest; 0 without values
  int exponent() const { return exponent_; }
  /// Doubles the width.
  void widen();
  std::int64_t count(std::int64_t bin) const;

 private:
  /// Widens the bins until all of a range of values are in them.
  void include(float least, float most);

  std::int64_t bins_;
  int exponent_;
  double per_unit_;
  /// [copy, -bins to bins - 1]; a count is the sum of the copies.
  std::vector<std::int64_t> counts_;
};

/// Measures of one vector of activations.
struct VectorMeasures {
  double l1 = 0;
  double hoyer = 0;     ///< (sqrt n - L1 / L2) / (sqrt n - 1); NaN: all 0, or n = 1
  double gini = 0;      ///< Gini coefficient of the sizes; NaN: all 0
  double kurtosis = 0;  ///< excess; NaN: all equal
};

/// (sqrt n - L1 / L2) / (sqrt n - 1); NaN for a vector of zeros or of one number (Hoyer 2004).
double hoyer(double l1, double squares, std::int64_t n);
/// 1 - 2 sum_k |a|_(k) / L1 (n - k + 1/2) / n over ascending sizes (Hurley and Rickard 2009); NaN
/// for a vector of zeros.
double gini(std::vector<double> sizes);
/// Measures of the numbers of a vector.
VectorMeasures measures_of(const std::vector<double>& values);

}  // namespace lensbench::neurons
