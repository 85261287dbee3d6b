#pragma once

#include <array>
#include <cstdint>
#include <lensbench/export.hpp>

namespace lensbench {

/// One block of Philox 4x32 with 10 rounds: four random words from a counter and a key.
LENSBENCH_API std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                                         std::array<std::uint32_t, 2> key);

/// Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy
/// as 1, 2, 3", SC11). A pair of seed and stream gives the same numbers on every machine. The seed
/// is the key; the stream is the upper half of the counter, so streams of one seed never overlap.
class LENSBENCH_API Philox {
 public:
  /// Generator at the start of a stream.
  explicit Philox(std::uint64_t seed, std::uint64_t stream = 0);

  std::uint32_t next_u32();  ///< 32 random bits
  /// Uniform in [0, 1), with 53 random bits.
  double uniform();
  /// Standard normal (Box-Muller, one value from two uniforms). The last bit depends on the
  /// logarithm and cosine of the C library.
  double normal();
  /// Uniform in [0, bound). \throws UsageError if bound is 0
  std::uint64_t below(std::uint64_t bound);

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace lensbench
