#include "loops.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

// The loops are written once, on vectors of N floats, and compiled for each instruction set: a
// function with a `target` attribute inlines them and thus uses its instructions.

namespace lensbench::neurons {
namespace {

template <int N>
struct Vectors {
  using Float [[gnu::vector_size(N * sizeof(float))]] = float;
  using Int [[gnu::vector_size(N * sizeof(std::int32_t))]] = std::int32_t;
  using Half [[gnu::vector_size(N / 2 * sizeof(float))]] = float;
  using Double [[gnu::vector_size(N / 2 * sizeof(double))]] = double;
  using Long [[gnu::vector_size(N / 2 * sizeof(std::int64_t))]] = std::int64_t;
};

#define LENSBENCH_INLINE [[gnu::always_inline]] inline

/// Unaligned load; the compiler turns the copy into one instruction.
template <class V, class Number>
LENSBENCH_INLINE void load(const Number* from, V& to) {
  std::memcpy(&to, from, sizeof(V));
}

template <class V, class Number>
LENSBENCH_INLINE void store(const V& from, Number* to) {
  std::memcpy(to, &from, sizeof(V));
}

/// Indices that are computed before they are counted: they are read from memory, which is faster
/// than from the parts of a vector.
constexpr std::int64_t kIndices = 128;
constexpr std::int32_t kSizeMask = 0x7fffffff;

template <int N>
LENSBENCH_INLINE std::int32_t rows_body(const float* tile, std::int64_t rows, double* l1,
                                        double* squares) {
  using Half = typename Vectors<N>::Half;
  using Int = typename Vectors<N>::Int;
  using Double = typename Vectors<N>::Double;
  using Long = typename Vectors<N>::Long;
  constexpr int kVectors = static_cast<int>(kRowLanes) * 2 / N;
  Int largest = {};
  for (std::int64_t r = 0; r < rows; ++r, tile += kTileColumns) {
    Double sizes[kVectors], powers[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      load(l1 + r * kRowLanes + v * N / 2, sizes[v]);
      load(squares + r * kRowLanes + v * N / 2, powers[v]);
    }
    for (int i = 0; i < kTileColumns; i += N) {
      Int bits;
      load(tile + i, bits);
      bits &= kSizeMask;
      largest = bits > largest ? bits : largest;
      for (int half = 0; half < 2; ++half) {
        Half narrow;
        load(tile + i + half * N / 2, narrow);
        Double wide = __builtin_convertvector(narrow, Double);
        const int v = (i * 2 / N + half) % kVectors;
        powers[v] += wide * wide;
        Long signless;
        load(&wide, signless);
        signless &= std::numeric_limits<std::int64_t>::max();
        load(&signless, wide);
        sizes[v] += wide;
      }
    }
    for (int v = 0; v < kVectors; ++v) {
      store(sizes[v], l1 + r * kRowLanes + v * N / 2);
      store(powers[v], squares + r * kRowLanes + v * N / 2);
    }
  }
  std::int32_t most = 0;
  for (int lane = 0; lane < N; ++lane) most = std::max(most, largest[lane]);
  return most;
}

/// Sums of N columns, which stay in registers over all rows.
template <int N>
LENSBENCH_INLINE void powers_body(const float* column, std::int64_t rows, MomentSums& sums,
                                  std::size_t begin) {
  using Half = typename Vectors<N>::Half;
  using Double = typename Vectors<N>::Double;
  Double shift[2], first[2], second[2], third[2], fourth[2];
  for (std::size_t half = 0; half < 2; ++half) {
    const std::size_t i = begin + half * N / 2;
    Half narrow;
    load(&sums.shift[i], narrow);
    shift[half] = __builtin_convertvector(narrow, Double);
    load(&sums.first[i], first[half]);
    load(&sums.second[i], second[half]);
    load(&sums.third[i], third[half]);
    load(&sums.fourth[i], fourth[half]);
  }
  for (std::int64_t r = 0; r < rows; ++r, column += kTileColumns)
    for (int half = 0; half < 2; ++half) {
      Half narrow;
      load(column + half * N / 2, narrow);
      const Double d = __builtin_convertvector(narrow, Double) - shift[half];
      const Double square = d * d;
      first[half] += d;
      second[half] += square;
      third[half] += square * d;
      fourth[half] += square * square;
    }
  for (std::size_t half = 0; half < 2; ++half) {
    const std::size_t i = begin + half * N / 2;
    store(first[half], &sums.first[i]);
    store(second[half], &sums.second[i]);
    store(third[half], &sums.third[i]);
    store(fourth[half], &sums.fourth[i]);
  }
}

template <int N>
LENSBENCH_INLINE void moments_body(const float* tile, std::int64_t rows, MomentSums& sums) {
  using Float = typename Vectors<N>::Float;
  using Int = typename Vectors<N>::Int;
  for (std::size_t i = 0; i < kTileColumns; i += N) {
    powers_body<N>(tile + i, rows, sums, i);
    Float most, least;
    Int positive;
    load(&sums.maximum[i], most);
    load(&sums.minimum[i], least);
    load(&sums.positive[i], positive);
    for (std::int64_t r = 0; r < rows; ++r) {
      Float value;
      load(tile + r * kTileColumns + i, value);
      most = value > most ? value : most;
      least = value < least ? value : least;
      positive -= value > 0.0F;  // true is -1
    }
    store(most, &sums.maximum[i]);
    store(least, &sums.minimum[i]);
    store(positive, &sums.positive[i]);
  }
}

template <int N>
LENSBENCH_INLINE void largest_body(const float* tile, std::int64_t rows,
                                   ByColumn<std::int32_t>& keys) {
  using Int = typename Vectors<N>::Int;
  for (std::size_t i = 0; i < kTileColumns; i += N) {
    Int largest = {};
    for (std::int64_t r = 0; r < rows; ++r) {
      Int bits;
      load(tile + r * kTileColumns + i, bits);
      bits &= kSizeMask;
      largest = bits > largest ? bits : largest;
    }
    largest >>= kDroppedBits;
    store(largest, &keys[i]);
  }
}

template <int N>
LENSBENCH_INLINE void sizes_body(const float* tile, std::int64_t rows, const SizeBins& bins,
                                 std::uint32_t* counts, std::int64_t stride) {
  using Int = typename Vectors<N>::Int;
  constexpr int kVectors = static_cast<int>(kTileColumns) / N;
  Int first[kVectors], before[kVectors], begin[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    load(&bins.first[static_cast<std::size_t>(v) * N], first[v]);
    load(&bins.before[static_cast<std::size_t>(v) * N], before[v]);
    for (int lane = 0; lane < N; ++lane)
      begin[v][lane] = (v * N + lane) * static_cast<std::int32_t>(stride);
  }
  // The counts of different neurons do not wait for each other.
  std::array<std::int32_t, kIndices> at;
  for (std::int64_t r = 0; r < rows; r += kIndices / kTileColumns) {
    const std::int64_t some = std::min(kIndices / kTileColumns, rows - r) * kTileColumns;
    for (std::int64_t i = 0; i < some; i += kTileColumns, tile += kTileColumns)
      for (int v = 0; v < kVectors; ++v) {
        Int bits;
        load(tile + v * N, bits);
        const Int key = (bits & kSizeMask) >> kDroppedBits;
        const Int bin = ((key >= first[v]) & (key - before[v])) + begin[v];
        store(bin, &at[static_cast<std::size_t>(i + v * N)]);
      }
    for (std::int64_t i = 0; i < some; ++i) ++counts[at[static_cast<std::size_t>(i)]];
  }
}

template <int N>
LENSBENCH_INLINE void range_body(const float* values, std::int64_t count, float& least,
                                 float& most) {
  using Float = typename Vectors<N>::Float;
  constexpr int kVectors = 2;  // a comparison waits for the one before
  Float low[kVectors], high[kVectors];
  for (int v = 0; v < kVectors; ++v) low[v] = high[v] = Float{} + values[0];
  std::int64_t i = 0;
  for (; i + kVectors * N <= count; i += kVectors * N)
    for (int v = 0; v < kVectors; ++v) {
      Float value;
      load(values + i + v * N, value);
      low[v] = value < low[v] ? value : low[v];
      high[v] = value > high[v] ? value : high[v];
    }
  least = most = values[0];
  for (int v = 0; v < kVectors; ++v)
    for (int lane = 0; lane < N; ++lane) {
      least = std::min(least, low[v][lane]);
      most = std::max(most, high[v][lane]);
    }
  for (; i < count; ++i) {
    least = std::min(least, values[i]);
    most = std::max(most, values[i]);
  }
}

template <int N>
LENSBENCH_INLINE void bins_body(const float* values, std::int64_t count, const SignedBins& bins,
                                std::int64_t* counts, std::int64_t copy) {
  using Float = typename Vectors<N>::Float;
  using Int = typename Vectors<N>::Int;
  std::array<std::int32_t, kIndices> at;
  std::int64_t i = 0;
  for (; i + kTileColumns <= count;) {
    const std::int64_t some = std::min(kIndices, (count - i) / kTileColumns * kTileColumns);
    for (std::int64_t k = 0; k < some; k += N) {
      Float value;
      load(values + i + k, value);
      const Int whole = __builtin_convertvector(value * bins.per_unit, Int);
      // Rounds down, also below 0: true is -1.
      const Int bin =
          whole + bins.middle + (__builtin_convertvector(whole, Float) * bins.width > value);
      store(bin, &at[static_cast<std::size_t>(k)]);
    }
    for (std::int64_t k = 0; k < some; k += kCopies)
      for (std::int64_t c = 0; c < kCopies; ++c)
        ++counts[c * copy + at[static_cast<std::size_t>(k + c)]];
    i += some;
  }
  for (; i < count; ++i) {
    const auto whole = static_cast<std::int32_t>(values[i] * bins.per_unit);
    ++counts[whole + bins.middle - (static_cast<float>(whole) * bins.width > values[i] ? 1 : 0)];
  }
}

/// One set of functions. The attribute is on the outer functions only, so that the bodies, which
/// are always inlined, are compiled with its instructions. N is the vector width in floats.
#define LENSBENCH_LOOPS(name, attribute, N)                                                   \
  attribute std::int32_t name##_rows(const float* tile, std::int64_t rows, double* l1,        \
                                     double* squares) {                                       \
    return rows_body<N>(tile, rows, l1, squares);                                             \
  }                                                                                           \
  attribute void name##_moments(const float* tile, std::int64_t rows, MomentSums& sums) {     \
    moments_body<N>(tile, rows, sums);                                                        \
  }                                                                                           \
  attribute void name##_largest(const float* tile, std::int64_t rows,                         \
                                ByColumn<std::int32_t>& keys) {                               \
    largest_body<N>(tile, rows, keys);                                                        \
  }                                                                                           \
  attribute void name##_sizes(const float* tile, std::int64_t rows, const SizeBins& bins,     \
                              std::uint32_t* counts, std::int64_t stride) {                   \
    sizes_body<N>(tile, rows, bins, counts, stride);                                          \
  }                                                                                           \
  attribute void name##_range(const float* values, std::int64_t count, float& least,          \
                              float& most) {                                                  \
    range_body<N>(values, count, least, most);                                                \
  }                                                                                           \
  attribute void name##_bins(const float* values, std::int64_t count, const SignedBins& bins, \
                             std::int64_t* counts, std::int64_t copy) {                       \
    bins_body<N>(values, count, bins, counts, copy);                                          \
  }                                                                                           \
  constexpr Loops name##_loops = {name##_rows,  name##_moments, name##_largest,               \
                                  name##_sizes, name##_range,   name##_bins};

LENSBENCH_LOOPS(baseline, , 4)
#if defined(__x86_64__)
LENSBENCH_LOOPS(avx2, [[gnu::target("avx2")]], 8)
#endif

}  // namespace

std::vector<const Loops*> available_loops() {
  std::vector<const Loops*> loops = {&baseline_loops};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) loops.push_back(&avx2_loops);
#endif
  return loops;
}

const Loops& best_loops() {
  static const Loops* const best = available_loops().back();
  return *best;
}

}  // namespace lensbench::neurons
