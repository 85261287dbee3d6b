#pragma once

#include <cstdint>

namespace lensbench {

/// Largest number of elements of a block.
inline constexpr std::int64_t kMostBlockElements = 256;

/// Blocks of ggml (ggml-quants.c of llama.cpp), whose scales are within them.
struct GgmlBlock {
  std::int64_t elements, bytes;
  void (*decode)(const std::uint8_t* block, float* to);  ///< all elements as float32
  std::int64_t scale_at[2];  ///< offsets of its float16 scales; -1: there is one scale
};

/// A float16 number at any address.
float half_at(const std::uint8_t* bytes);

/// 32 numbers of 8 bits and a scale.
extern const GgmlBlock kQ8_0;
/// 8 groups of 32 numbers of 4 bits, whose scales and minima of 6 bits have a scale each.
extern const GgmlBlock kQ4_K;
/// 16 groups of 16 numbers of 6 bits, whose scales of 8 bits have a scale.
extern const GgmlBlock kQ6_K;

}  // namespace lensbench
