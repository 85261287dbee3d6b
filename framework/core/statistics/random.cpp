#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <numbers>

// Philox 4x32 with 10 rounds (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC
// 2011). The only state of a counter-based generator is its counter: any number of a stream can be
// computed apart, and its integers are equal on every machine. The distributions are written here
// as well, because those of the standard library differ between implementations.

namespace lensbench {

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key) {
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  // Weyl constants, by which the key changes from round to round: golden ratio and root of 3 minus
  // 1.
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product0 = kMultiplier0 * counter[0];
    const std::uint64_t product1 = kMultiplier1 * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

/// The seed is the key, the stream is the upper half of the counter: 2^64 blocks for each.
Philox::Philox(std::uint64_t seed, std::uint64_t stream)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      counter_{0, 0, static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)} {
}

std::uint32_t Philox::next_u32() {
  if (used_ == 4) {
    block_ = philox4x32_10(counter_, key_);
    if (++counter_[0] == 0) ++counter_[1];
    used_ = 0;
  }
  return block_[static_cast<std::size_t>(used_++)];
}

/// 53 random bits as a number in [0, 1), all of which a double can represent.
double Philox::uniform() {
  const std::uint64_t high = next_u32() >> 5, low = next_u32() >> 6;
  return static_cast<double>((high << 26) | low) * 0x1p-53;
}

/// Box and Muller's method. One of its two numbers is used, so that a draw takes a fixed number of
/// values from the stream.
double Philox::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));  // 1 - u is never 0
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

std::uint64_t Philox::below(std::uint64_t bound) {
  if (bound == 0) throw UsageError("random number: bound is 0; give a bound of at least 1");
  // 2^64 mod bound values are rejected: otherwise small results would be more probable.
  const std::uint64_t excess = (0 - bound) % bound;
  while (true) {
    const std::uint64_t high = next_u32(), low = next_u32();
    const std::uint64_t value = (high << 32) | low;
    if (value >= excess) return value % bound;
  }
}

}  // namespace lensbench
