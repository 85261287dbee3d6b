#include "checkpoint/quantized/quantized_matrix.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

// FP8: Micikevicius et al. 2022 (arXiv:2209.05433). FP4 and scales of 8 bits of exponent: OCP
// Microscaling Formats 1.0. GPTQ and AWQ: the layouts of AutoGPTQ and of the GEMM kernels of
// AutoAWQ.

namespace lensbench {
namespace {

constexpr float e4m3_value(std::uint32_t bits) {
  const std::uint32_t exponent = (bits >> 3) & 15, mantissa = bits & 7;
  const float sign = (bits & 128) != 0 ? -1.0F : 1.0F;
  if ((bits & 127) == 127) return std::numeric_limits<float>::quiet_NaN();
  if (exponent == 0) return sign * static_cast<float>(mantissa) * 0x1p-9F;
  // The exponents of the two types differ by 120 in their origin.
  return sign * std::bit_cast<float>(((exponent + 120) << 23) | (mantissa << 20));
}

constexpr std::array<float, 256> e4m3_values() {
  std::array<float, 256> values{};
  for (std::uint32_t bits = 0; bits < 256; ++bits) values[bits] = e4m3_value(bits);
  return values;
}

constexpr std::array<float, 256> kE4m3 = e4m3_values();
constexpr std::array<float, 16> kE2m1 = {0.0F,  0.5F,  1.0F,  1.5F,  2.0F,  3.0F,  4.0F,  6.0F,
                                         -0.0F, -0.5F, -1.0F, -1.5F, -2.0F, -3.0F, -4.0F, -6.0F};

/// 2 to the power of an exponent that is stored plus 127; 2^-127 is a subnormal number.
float from_e8m0(std::uint8_t bits) {
  return std::bit_cast<float>(bits == 0 ? 0x00400000U : static_cast<std::uint32_t>(bits) << 23);
}

template <class T>
const T* elements(const at::Tensor& tensor) {
  return static_cast<const T*>(tensor.data_ptr());
}

/// Place of a row's number within a word of AWQ, whose numbers are in the order 0 2 4 6 1 3 5 7.
int awq_place(std::int64_t row) {
  constexpr std::array<int, 8> places = {0, 4, 1, 5, 2, 6, 3, 7};
  return places[static_cast<std::size_t>(row % kNumbersPerWord)];
}

float four_bits(std::uint32_t word, std::int64_t place) {
  return static_cast<float>((word >> (4 * place)) & 15);
}

}  // namespace

const GgmlBlock* ggml_block(Codes codes) {
  switch (codes) {
    case Codes::q8_0:
      return &kQ8_0;
    case Codes::q4_k:
      return &kQ4_K;
    case Codes::q6_k:
      return &kQ6_K;
    default:
      return nullptr;
  }
}

float from_e4m3(std::uint8_t bits) {
  return kE4m3[bits];
}

float QuantizedMatrix::scale(std::int64_t row, std::int64_t column) const {
  const std::int64_t i = scales.index(row, column);
  switch (scales.values.scalar_type()) {
    case at::kHalf:
      return static_cast<float>(elements<at::Half>(scales.values)[i]);
    case at::kBFloat16:
      return static_cast<float>(elements<at::BFloat16>(scales.values)[i]);
    case at::kByte:
      return from_e8m0(elements<std::uint8_t>(scales.values)[i]);
    default:
      return elements<float>(scales.values)[i];
  }
}

int QuantizedMatrix::zero(std::int64_t row, std::int64_t column) const {
  if (!zeros.defined()) return 0;
  if (codes == Codes::int8) return elements<std::int8_t>(zeros)[scales.index(row, column)];
  // Both layouts pack the zeros of 8 rows into a word.
  const std::int64_t group = column / scales.columns_per;
  const std::uint32_t word =
      elements<std::uint32_t>(zeros)[group * (rows / kNumbersPerWord) + row / kNumbersPerWord];
  const std::int64_t place = codes == Codes::awq ? awq_place(row) : row % kNumbersPerWord;
  return static_cast<int>(((word >> (4 * place)) + static_cast<std::uint32_t>(zero_offset)) & 15);
}

/// Codes as float32.
void QuantizedMatrix::decode(std::int64_t row, std::int64_t first, std::int64_t count,
                             float* to) const {
  switch (codes) {
    case Codes::e4m3: {
      const std::uint8_t* from = elements<std::uint8_t>(data) + row * columns + first;
      for (std::int64_t i = 0; i < count; ++i) to[i] = kE4m3[from[i]];
      return;
    }
    case Codes::e2m1: {
      const std::uint8_t* from = elements<std::uint8_t>(data) + row * (columns / 2);
      for (std::int64_t i = first; i < first + count; ++i)
        to[i - first] = kE2m1[(from[i / 2] >> (i % 2 * 4)) & 15];
      return;
    }
    case Codes::int8: {
      const std::int8_t* from = elements<std::int8_t>(data) + row * columns + first;
      for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]);
      return;
    }
    case Codes::gptq: {
      const std::uint32_t* from = elements<std::uint32_t>(data) + row;
      for (std::int64_t i = first; i < first + count; ++i)
        to[i - first] = four_bits(from[i / kNumbersPerWord * rows], i % kNumbersPerWord);
      return;
    }
    case Codes::awq: {
      const std::int64_t words = rows / kNumbersPerWord, place = awq_place(row);
      const std::uint32_t* from = elements<std::uint32_t>(data) + row / kNumbersPerWord;
      for (std::int64_t i = 0; i < count; ++i) to[i] = four_bits(from[(first + i) * words], place);
      return;
    }
    default:
      return;  // blocks: see read_blocks
  }
}

std::int64_t QuantizedMatrix::stored_row(std::int64_t row) const {
  if (paired_rows == 0) return row;
  const std::int64_t in_head = row % paired_rows, half = paired_rows / 2;
  return row - in_head + in_head % half * 2 + in_head / half;
}

/// Blocks that are read in part are made as a whole first.
void QuantizedMatrix::read_blocks(const GgmlBlock& block, std::int64_t row, std::int64_t first,
                                  std::int64_t count, float* to) const {
  const std::uint8_t* stored =
      elements<std::uint8_t>(data) + stored_row(row) * (columns / block.elements) * block.bytes;
  for (std::int64_t column = first; column < first + count;) {
    const std::int64_t number = column / block.elements, begin = number * block.elements;
    const std::int64_t end = std::min(first + count, begin + block.elements);
    float* target = to + (column - first);
    if (end - column == block.elements) {
      block.decode(stored + number * block.bytes, target);
    } else {
      float made[kMostBlockElements];
      block.decode(stored + number * block.bytes, made);
      std::copy(made + (column - begin), made + (end - begin), target);
    }
    column = end;
  }
}

void QuantizedMatrix::read(std::int64_t row, std::int64_t first, std::int64_t count,
                           float* to) const {
  if (const GgmlBlock* block = ggml_block(codes)) {
    read_blocks(*block, row, first, count, to);
    return;
  }
  decode(row, first, count, to);
  for (std::int64_t begin = first; begin < first + count;) {
    // The elements up to the end of a group have one scale.
    const std::int64_t end =
        std::min(first + count, (begin / scales.columns_per + 1) * scales.columns_per);
    const float factor = scale(row, begin), nothing = static_cast<float>(zero(row, begin));
    for (std::int64_t i = begin; i < end; ++i) to[i - first] = (to[i - first] - nothing) * factor;
    begin = end;
  }
}

std::int64_t QuantizedMatrix::stored_bytes() const {
  const auto bytes = [](const at::Tensor& tensor) {
    return tensor.defined() ? static_cast<std::int64_t>(tensor.nbytes()) : 0;
  };
  return bytes(data) + bytes(scales.values) + bytes(zeros);
}

float QuantizedMatrix::largest_code() const {
  switch (codes) {
    case Codes::e4m3:
      return 448.0F;
    case Codes::e2m1:
      return 6.0F;
    case Codes::int8:
      return zeros.defined() ? 255.0F : 128.0F;
    case Codes::gptq:
    case Codes::awq:
      return 15.0F;
    default:
      return std::numeric_limits<float>::infinity();
  }
}

}  // namespace lensbench
