#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tile.hpp"

namespace lensbench::neurons {

/// Numbers of the columns of a tile.
template <class Number>
using ByColumn = std::array<Number, static_cast<std::size_t>(kTileColumns)>;

/// Sums that are added separately, and then in order, for each row.
inline constexpr std::int64_t kRowLanes = 8;

/// Sums of powers of the deviations from `shift`, the range, and the number of values above 0.
struct MomentSums {
  ByColumn<double> first{}, second{}, third{}, fourth{};
  ByColumn<float> shift{}, maximum{}, minimum{};
  ByColumn<std::int32_t> positive{};
};

/// A size |a| as an integer in the same order: the upper bits of the float32.
inline constexpr int kDroppedBits = 19;

/// Where the sizes of a column are counted.
struct SizeBins {
  ByColumn<std::int32_t> first{};   ///< smallest key that is counted apart
  ByColumn<std::int32_t> before{};  ///< key of the count 0
};

/// Bins of signed values, all equally wide, a power of two.
struct SignedBins {
  float width = 0, per_unit = 0;
  std::int32_t middle = 0;  ///< index of the bin that begins at 0
};

/// Counts of a signed bin, whose sum counts: an addition to a count waits for the one before.
inline constexpr std::int64_t kCopies = 4;

/// Loops over activations for one instruction set, which only the processor determines. Each column
/// and each lane is summed in the order of the rows and without fused products, so that all sets
/// give the same bits.
struct Loops {
  /// Adds |a| and a² of each row to its lanes.
  /// \param l1, squares  [row, kRowLanes]
  /// \return the largest bits of an |a|, which are above those of numbers for NaN and infinity
  std::int32_t (*rows)(const float* tile, std::int64_t rows, double* l1, double* squares);
  void (*moments)(const float* tile, std::int64_t rows, MomentSums& sums);
  /// The largest key of each column.
  void (*largest)(const float* tile, std::int64_t rows, ByColumn<std::int32_t>& keys);
  /// Counts each value in the row of its column, those with small keys at 0.
  /// \param counts  [kTileColumns, stride]
  void (*sizes)(const float* tile, std::int64_t rows, const SizeBins& bins, std::uint32_t* counts,
                std::int64_t stride);
  /// Smallest and largest of at least one value.
  void (*range)(const float* values, std::int64_t count, float& least, float& most);
  /// Counts each value in its bin, values next to each other in different copies of the counts.
  /// \param counts  [kCopies, copy]
  void (*bins)(const float* values, std::int64_t count, const SignedBins& bins,
               std::int64_t* counts, std::int64_t copy);
};

/// The fastest set of loops that this processor supports.
const Loops& best_loops();
/// Every set of loops that this processor supports, for tests.
std::vector<const Loops*> available_loops();

}  // namespace lensbench::neurons
