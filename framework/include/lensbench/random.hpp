#pragma once

#include <array>
#include <cstdint>
#include <lensbench/export.hpp>

namespace lensbench {

/// Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy
/// as 1, 2, 3", SC11). The same seed and stream give the same numbers on every machine.
class LENSBENCH_API Philox {
 public:
  explicit Philox(std::uint64_t seed, std::uint64_t stream = 0);

  std::uint32_t next_u32();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  /// Standard normal (Box-Muller).
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
