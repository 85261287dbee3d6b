#include "checkpoint/quantized/ggml_blocks.hpp"

#include <c10/util/Half.h>

#include <cstring>

namespace lensbench {

float half_at(const std::uint8_t* bytes) {
  std::uint16_t bits;
  std::memcpy(&bits, bytes, sizeof bits);
  return static_cast<float>(c10::Half(bits, c10::Half::from_bits()));
}

namespace {

/// d (float16), 32 int8. An element is d * q.
void decode_q8_0(const std::uint8_t* block, float* to) {
  const float d = half_at(block);
  for (int i = 0; i < 32; ++i)
    to[i] = d * static_cast<float>(static_cast<std::int8_t>(block[2 + i]));
}

/// Number `group` of 8 pairs of a scale and a minimum of 6 bits in 12 bytes.
void read_scale_and_minimum(const std::uint8_t* bytes, int group, int& scale, int& minimum) {
  if (group < 4) {
    scale = bytes[group] & 63;
    minimum = bytes[group + 4] & 63;
    return;
  }
  scale = (bytes[group + 4] & 15) | ((bytes[group - 4] >> 6) << 4);
  minimum = (bytes[group + 4] >> 4) | ((bytes[group] >> 6) << 4);
}

/// d, d of the minima (float16), scales and minima (12 bytes), 256 numbers of 4 bits: the low
/// halves of 32 bytes, then their high halves. An element is d * scale * q - d_min * minimum.
void decode_q4_k(const std::uint8_t* block, float* to) {
  const float d = half_at(block), d_minimum = half_at(block + 2);
  for (int group = 0; group < 8; ++group) {
    int scale = 0, minimum = 0;
    read_scale_and_minimum(block + 4, group, scale, minimum);
    const float factor = d * static_cast<float>(scale);
    const float less = d_minimum * static_cast<float>(minimum);
    const std::uint8_t* bytes = block + 16 + group / 2 * 32;
    const int shift = group % 2 * 4;
    for (int i = 0; i < 32; ++i)
      to[group * 32 + i] = factor * static_cast<float>((bytes[i] >> shift) & 15) - less;
  }
}

/// 256 numbers of 6 bits (128 bytes with the low 4 bits, 64 with the high 2), 16 scales (int8), d
/// (float16). An element is d * scale * (q - 32).
void decode_q6_k(const std::uint8_t* block, float* to) {
  const float d = half_at(block + 208);
  for (int i = 0; i < 256; ++i) {
    // Each half of the block has 4 runs of 32 elements, which share bytes.
    const int half = i / 128, run = i % 128 / 32, place = i % 32;
    const int low = (block[half * 64 + run % 2 * 32 + place] >> (run / 2 * 4)) & 15;
    const int high = (block[128 + half * 32 + place] >> (run * 2)) & 3;
    const auto scale = static_cast<std::int8_t>(block[192 + i / 16]);
    to[i] = d * static_cast<float>(scale) * static_cast<float>((low | (high << 4)) - 32);
  }
}

}  // namespace

const GgmlBlock kQ8_0 = {32, 34, decode_q8_0, {0, -1}};
const GgmlBlock kQ4_K = {256, 144, decode_q4_k, {0, 2}};
const GgmlBlock kQ6_K = {256, 210, decode_q6_k, {208, -1}};

}  // namespace lensbench
