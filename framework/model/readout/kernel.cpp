#include "model/readout/kernel.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

// The loops are written once, on vectors of N floats, and compiled for each instruction set: a
// function with a `target` attribute inlines them and thus uses its instructions. For every N, 16
// lanes are summed separately, so that the order of additions is the same for all sets.

namespace lensbench::readout {
namespace {

template <int N>
struct Vectors {
  using Float [[gnu::vector_size(N * sizeof(float))]] = float;
  using Int [[gnu::vector_size(N * sizeof(std::int32_t))]] = std::int32_t;
};

// Below any logit, but small enough that 4e-38 (the least exponential) times it is negligible.
constexpr float kPadding = -1e20F;

#define LENSBENCH_INLINE [[gnu::always_inline]] inline

/// memcpy is the only defined way to read the bits of a vector as another type.
template <class To, class From>
LENSBENCH_INLINE void reinterpret(const From& from, To& to) {
  static_assert(sizeof(To) == sizeof(From));
  std::memcpy(&to, &from, sizeof(To));
}

/// Unaligned load; the compiler turns the copy into one instruction.
template <class V>
LENSBENCH_INLINE void load(const float* from, V& to) {
  std::memcpy(&to, from, sizeof(V));
}

/// e^x for x <= 0; below -86 as for -86 (4e-38), so that the result is never subnormal.
/// Reduction x = n ln2 + r with ln2 in two parts, then the degree-6 polynomial of Cephes' expf
/// (Moshier, 1989) on |r| <= ln2 / 2.
template <int N>
LENSBENCH_INLINE void exponential(const typename Vectors<N>::Float& argument,
                                  typename Vectors<N>::Float& result) {
  using Float = typename Vectors<N>::Float;
  using Int = typename Vectors<N>::Int;
  constexpr float kToInteger = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  // NaN becomes -86 here; the weighted sum, which uses the logit itself, stays NaN and is reported.
  const Float x = argument > -86.0F ? argument : Float{} - 86.0F;
  const Float shifted = x * 1.44269504088896341F + kToInteger;
  const Float n = shifted - kToInteger;
  // The multiple of ln2 is subtracted in two parts, the first of which has few bits, so that n
  // times it is exact.
  const Float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  Float p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * (r * r) + r + 1.0F;
  Int bits, power;
  reinterpret(p, bits);
  reinterpret(shifted, power);
  bits += power << 23;  // n into the exponent; the bits of kToInteger leave at the top
  reinterpret(bits, result);
}

/// Product of kRows rows at once, chosen so that all sums fit the registers.
template <int N, int kRows>
LENSBENCH_INLINE void product_body(std::int64_t k, const float* a, const float* b, float* c,
                                   std::int64_t stride, bool accumulate) {
  using Float = typename Vectors<N>::Float;
  constexpr int kVectors = kLanes / N;
  // The sums stay in registers over the whole loop and are stored once.
  Float sums[kRows][kVectors] = {};
  for (std::int64_t i = 0; i < k; ++i, a += kRows, b += kLanes) {
    Float column[kVectors];
    for (int v = 0; v < kVectors; ++v) load(b + v * N, column[v]);
    for (int row = 0; row < kRows; ++row)
      for (int v = 0; v < kVectors; ++v) sums[row][v] += a[row] * column[v];
  }
  for (int row = 0; row < kRows; ++row)
    for (int v = 0; v < kVectors; ++v) {
      float* to = c + row * stride + v * N;
      Float before = {};
      if (accumulate) load(to, before);
      const Float sum = before + sums[row][v];
      std::memcpy(to, &sum, sizeof(sum));
    }
}

/// The row is copied, since padding would overwrite the next row of the tile.
template <int N>
LENSBENCH_INLINE void load_row_body(const float* logits, std::int64_t columns, Row& row) {
  using Float = typename Vectors<N>::Float;
  constexpr int kVectors = kLanes / N;
  constexpr float kLowest = std::numeric_limits<float>::lowest();
  float* values = row.values.data();
  std::memcpy(values, logits, static_cast<std::size_t>(columns) * sizeof(float));
  std::fill(values + columns, values + padded(columns), kPadding);
  row.columns = columns;
  row.max = kLowest;
  // Lanes first, then across lanes: a maximum does not depend on the order.
  for (std::int64_t block = 0; block < blocks(columns); ++block) {
    Float best[kVectors];
    for (Float& b : best) b = Float{} + kLowest;
    const std::int64_t end = std::min(padded(columns), (block + 1) * kBlock);
    for (std::int64_t i = block * kBlock; i < end; i += kLanes)
      for (int v = 0; v < kVectors; ++v) {
        Float z;
        load(values + i + v * N, z);
        best[v] = z > best[v] ? z : best[v];
      }
    for (int v = 1; v < kVectors; ++v) best[0] = best[v] > best[0] ? best[v] : best[0];
    float most = kLowest;
    for (int lane = 0; lane < N; ++lane) most = std::max(most, best[0][lane]);
    row.block_max[static_cast<std::size_t>(block)] = most;
    row.max = std::max(row.max, most);
  }
}

enum class Sum { alone, reference, against };

/// \param shifted, exponentials  of the reference: written for Sum::reference, read for
/// Sum::against
template <int N, Sum kind>
LENSBENCH_INLINE RowSums sum_body(const Row& row, float* shifted, float* exponentials) {
  using Float = typename Vectors<N>::Float;
  constexpr int kVectors = kLanes / N;
  constexpr std::int64_t kStrip = 16 * kLanes;
  const std::int64_t columns = padded(row.columns);
  const float* values = row.values.data();
  double total[3][kLanes] = {};
  // float32 lanes hold at most 16 terms, then move to float64: the error of a sum over a large
  // vocabulary stays that of 16 terms.
  for (std::int64_t strip = 0; strip < columns; strip += kStrip) {
    Float lanes[3][kVectors] = {};
    const std::int64_t end = std::min(columns, strip + kStrip);
    for (std::int64_t i = strip; i < end; i += kLanes)
      for (int v = 0; v < kVectors; ++v) {
        const std::int64_t at = i + v * N;
        Float z, e;
        load(values + at, z);
        const Float x = z - row.max;
        exponential<N>(x, e);
        // For padding and far tails x stays finite, and 4e-38 times it is negligible.
        lanes[0][v] += e;
        lanes[1][v] += e * x;
        if constexpr (kind == Sum::reference) {
          std::memcpy(shifted + at, &x, sizeof(x));
          std::memcpy(exponentials + at, &e, sizeof(e));
        }
        if constexpr (kind == Sum::against) {
          Float reference_x, reference_e;
          load(shifted + at, reference_x);
          load(exponentials + at, reference_e);
          lanes[2][v] += reference_e * (reference_x - x);
        }
      }
    for (int s = 0; s < 3; ++s)
      for (int v = 0; v < kVectors; ++v)
        for (int lane = 0; lane < N; ++lane)
          total[s][v * N + lane] += static_cast<double>(lanes[s][v][lane]);
  }
  RowSums sums;
  // Lanes are added in one order for every N.
  for (std::int64_t lane = 0; lane < kLanes; ++lane) {
    sums.exponentials += total[0][lane];
    sums.weighted += total[1][lane];
    sums.from_reference += total[2][lane];
  }
  return sums;
}

template <class V>
LENSBENCH_INLINE bool any_set(const V& mask) {
  std::uint64_t words[sizeof(V) / sizeof(std::uint64_t)];
  std::memcpy(words, &mask, sizeof(V));
  std::uint64_t all = 0;
  for (const std::uint64_t word : words) all |= word;
  return all != 0;
}

/// Comparisons give lanes of -1 or 0, so subtracting one counts it.
template <int N>
LENSBENCH_INLINE std::int64_t count_body(Row& row, float low, float high) {
  using Float = typename Vectors<N>::Float;
  using Int = typename Vectors<N>::Int;
  Int above = {};
  for (std::int64_t block = 0; block < blocks(row.columns); ++block) {
    Int within = {};
    const std::int64_t end = std::min(padded(row.columns), (block + 1) * kBlock);
    // The padding is below any band and is never counted.
    for (std::int64_t i = block * kBlock; i < end; i += N) {
      Float z;
      load(row.values.data() + i, z);
      const Int over = z > high;
      above -= over;
      within |= (z >= low) & ~over;
    }
    row.block_within[static_cast<std::size_t>(block)] = any_set(within);
  }
  std::int64_t count = 0;
  for (int lane = 0; lane < N; ++lane) count += above[lane];
  return count;
}

/// One set of functions. The attribute is on the outer functions only, so that the bodies, which
/// are always inlined, are compiled with its instructions. N is the vector width in floats; kRows
/// is as many rows as leave all sums in registers.
#define LENSBENCH_KERNEL(name, attribute, N, kRows)                                       \
  attribute void name##_product(std::int64_t k, const float* a, const float* b, float* c, \
                                std::int64_t stride, bool accumulate) {                   \
    product_body<N, kRows>(k, a, b, c, stride, accumulate);                               \
  }                                                                                       \
  attribute void name##_load_row(const float* logits, std::int64_t columns, Row& row) {   \
    load_row_body<N>(logits, columns, row);                                               \
  }                                                                                       \
  attribute RowSums name##_sum(const Row& row) {                                          \
    return sum_body<N, Sum::alone>(row, nullptr, nullptr);                                \
  }                                                                                       \
  attribute RowSums name##_sum_reference(const Row& row, Reference& reference) {          \
    return sum_body<N, Sum::reference>(row, reference.shifted.data(),                     \
                                       reference.exponentials.data());                    \
  }                                                                                       \
  attribute RowSums name##_sum_against(const Row& row, const Reference& reference) {      \
    return sum_body<N, Sum::against>(row, const_cast<float*>(reference.shifted.data()),   \
                                     const_cast<float*>(reference.exponentials.data()));  \
  }                                                                                       \
  attribute std::int64_t name##_count(Row& row, float low, float high) {                  \
    return count_body<N>(row, low, high);                                                 \
  }                                                                                       \
  constexpr Kernel name##_kernel = {                                                      \
      name##_product,     kRows,       name##_load_row, name##_sum, name##_sum_reference, \
      name##_sum_against, name##_count};

LENSBENCH_KERNEL(baseline, , 4, 3)
#if defined(__x86_64__)
LENSBENCH_KERNEL(avx2, [[gnu::target("avx2,fma")]], 8, 6)
LENSBENCH_KERNEL(avx512, [[gnu::target("avx512f,avx512dq,avx512vl,avx512bw")]], 16, 12)
#endif

}  // namespace

/// Ordered from slow to fast; each has the instructions that its functions were compiled for.
std::vector<const Kernel*> available_kernels() {
  std::vector<const Kernel*> kernels = {&baseline_kernel};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    kernels.push_back(&avx2_kernel);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
    kernels.push_back(&avx512_kernel);
#endif
  return kernels;
}

const Kernel& best_kernel() {
  static const Kernel* const best = available_kernels().back();
  return *best;
}

}  // namespace lensbench::readout
