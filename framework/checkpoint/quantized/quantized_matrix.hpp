#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "checkpoint/quantized/ggml_blocks.hpp"

namespace lensbench {

/// How the numbers of a quantized matrix are stored.
enum class Codes {
  e4m3,  ///< FP8 with 4 bits of exponent, one byte each
  e2m1,  ///< FP4, two a byte along a row, the first in the low half (MXFP4)
  int8,  ///< one byte each
  gptq,  ///< 4 bits; a word holds 8 numbers of a row, words of one column group are adjacent
  awq,   ///< 4 bits; a word holds 8 numbers of a column, in an order of their own
  q8_0,  ///< blocks of ggml along a row, with their scales
  q4_k,
  q6_k,
};

/// Layout of the codes of a type of ggml; nullptr for other codes.
const GgmlBlock* ggml_block(Codes codes);

/// Numbers of 4 bits in a word of GPTQ and AWQ.
inline constexpr std::int64_t kNumbersPerWord = 8;

/// Numbers that groups of elements share: the element [row, column] has the number at
/// (row / rows_per) * row_stride + (column / columns_per) * column_stride.
struct GroupTable {
  at::Tensor values;  ///< contiguous
  std::int64_t rows_per = 1, columns_per = 1;
  std::int64_t row_stride = 0, column_stride = 0;

  std::int64_t index(std::int64_t row, std::int64_t column) const {
    return row / rows_per * row_stride + column / columns_per * column_stride;
  }
};

/// A matrix [row, column] of a checkpoint whose elements are (code - zero) * scale, read where it
/// is in the mapped file. A row has the inputs of one output.
class QuantizedMatrix {
 public:
  Codes codes = Codes::int8;
  std::int64_t rows = 0, columns = 0;
  at::Tensor data;  ///< the codes, contiguous: bytes, or words of 32 bits
  /// float32, float16, bfloat16, or bytes that are exponents of 2 plus 127 (E8M0).
  GroupTable scales;
  at::Tensor zeros;  ///< int8 by the table of the scales, packed words for 4 bits, or undefined: 0
  std::int64_t zero_offset = 0;  ///< added to each packed zero, modulo 16
  /// Rows within heads of this size are stored in pairs: first the rows 0 and size / 2, then 1 and
  /// size / 2 + 1 (queries and keys of llama.cpp); 0: in order.
  std::int64_t paired_rows = 0;

  /// Elements [first, first + count) of a row as float32: each the float32 product of code and
  /// scale.
  void read(std::int64_t row, std::int64_t first, std::int64_t count, float* to) const;

  /// Bytes of codes, scales and zeros.
  std::int64_t stored_bytes() const;
  /// The largest magnitude that code minus zero can have; of blocks, infinity.
  float largest_code() const;

 private:
  std::int64_t stored_row(std::int64_t row) const;
  void read_blocks(const GgmlBlock& block, std::int64_t row, std::int64_t first, std::int64_t count,
                   float* to) const;
  float scale(std::int64_t row, std::int64_t column) const;
  int zero(std::int64_t row, std::int64_t column) const;
  void decode(std::int64_t row, std::int64_t first, std::int64_t count, float* to) const;
};

/// Value of an FP8 number of 4 bits of exponent and 3 of mantissa; NaN for 0x7f and 0xff.
float from_e4m3(std::uint8_t bits);

}  // namespace lensbench
