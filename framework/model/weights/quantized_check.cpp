#include "model/weights/quantized_check.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <lensbench/error.hpp>
#include <limits>
#include <vector>

#include "model/runtime/parallel.hpp"
#include "model/weights/quantized_tensor.hpp"

namespace lensbench {
namespace {

/// Bytes of one thread at a time.
constexpr std::int64_t kPart = std::int64_t{4} << 20;

/// Index of the first byte for which `is` holds; -1 if there is none.
template <class Test>
std::int64_t first_byte(const at::Tensor& bytes, const Test& is) {
  const auto* data = static_cast<const std::uint8_t*>(bytes.data_ptr());
  const std::int64_t count = bytes.numel(), parts = (count + kPart - 1) / kPart;
  std::atomic<std::int64_t> first = count;
  for_each_parallel(parts, [&](std::int64_t part) {
    const std::uint8_t* end = data + std::min(count, (part + 1) * kPart);
    const std::int64_t found = std::find_if(data + part * kPart, end, is) - data;
    if (found == end - data) return;
    std::int64_t known = first;
    while (found < known && !first.compare_exchange_weak(known, found)) {
    }
  });
  return first == count ? -1 : first.load();
}

bool is_e4m3_nan(std::uint8_t bits) {
  return (bits & 0x7f) == 0x7f;
}

/// The largest magnitude of a scale.
double largest_scale(const at::Tensor& scales) {
  if (scales.scalar_type() != at::kByte) return scales.to(at::kFloat).abs().max().item<double>();
  return std::ldexp(1.0, scales.max().item<int>() - 127);
}

double largest_number(at::ScalarType type) {
  if (type == at::kHalf) return 65504.0;
  return type == at::kBFloat16 ? 0x1.fep127 : double{std::numeric_limits<float>::max()};
}

[[noreturn]] void refuse(const std::filesystem::path& directory, const QuantizedWeight& weight,
                         std::int64_t row, std::int64_t column, const std::string& fault) {
  throw InputError(directory.string() + ": quantized matrix " + weight.name + " has " + fault +
                   " at [" + std::to_string(row) + ", " + std::to_string(column) +
                   "]; fetch the checkpoint again");
}

/// \throws InputError for a product of code and scale that the type cannot hold
void require_products(const std::filesystem::path& directory, const QuantizedWeight& weight,
                      at::ScalarType type) {
  const QuantizedMatrix& matrix = *weight.matrix;
  std::vector<float> row(static_cast<std::size_t>(matrix.columns));
  for (std::int64_t r = 0; r < matrix.rows; ++r) {
    read_rounded(matrix, type, r, 0, matrix.columns, row.data());
    const auto found =
        std::find_if(row.begin(), row.end(), [](float x) { return !std::isfinite(x); });
    if (found == row.end()) continue;
    refuse(directory, weight, r, found - row.begin(),
           std::string("a product of code and scale that ") + at::toString(type) + " cannot hold");
  }
}

/// What the scales of some blocks of ggml are.
struct BlockScales {
  float largest = 0.0F;
  std::int64_t not_finite = -1;  ///< number of the first block with such a scale
};

BlockScales scales_of(const QuantizedMatrix& matrix, const GgmlBlock& block, std::int64_t begin,
                      std::int64_t end) {
  BlockScales found;
  const auto* data = static_cast<const std::uint8_t*>(matrix.data.data_ptr());
  for (std::int64_t i = begin; i < end; ++i)
    for (const std::int64_t offset : block.scale_at) {
      if (offset < 0) continue;
      const float scale = std::abs(half_at(data + i * block.bytes + offset));
      if (!std::isfinite(scale)) return {found.largest, i};
      found.largest = std::max(found.largest, scale);
    }
  return found;
}

/// Blocks of ggml: their scales must be finite.
void require_sound_blocks(const std::filesystem::path& directory, const QuantizedWeight& weight,
                          const GgmlBlock& block, at::ScalarType type) {
  constexpr float kMostFactor = 63 * 127;  // of a scale within any block
  const QuantizedMatrix& matrix = *weight.matrix;
  const std::int64_t blocks = matrix.data.numel() / block.bytes;
  const std::int64_t size = kPart / block.bytes, parts = (blocks + size - 1) / size;
  std::vector<BlockScales> found(static_cast<std::size_t>(parts));
  for_each_parallel(parts, [&](std::int64_t part) {
    found[static_cast<std::size_t>(part)] =
        scales_of(matrix, block, part * size, std::min(blocks, (part + 1) * size));
  });
  float largest = 0.0F;
  for (const BlockScales& scales : found) {
    if (const std::int64_t i = scales.not_finite; i >= 0) {
      const std::int64_t in_row = matrix.columns / block.elements;
      refuse(directory, weight, i / in_row, i % in_row * block.elements,
             "a scale that is not finite in the block");
    }
    largest = std::max(largest, scales.largest);
  }
  if (double{largest} * double{kMostFactor} > largest_number(type))
    require_products(directory, weight, type);
}

void require_sound(const std::filesystem::path& directory, const QuantizedWeight& weight,
                   at::ScalarType type) {
  const QuantizedMatrix& matrix = *weight.matrix;
  if (const GgmlBlock* block = ggml_block(matrix.codes)) {
    require_sound_blocks(directory, weight, *block, type);
    return;
  }
  if (matrix.codes == Codes::e4m3)
    if (const std::int64_t at = first_byte(matrix.data, is_e4m3_nan); at >= 0)
      refuse(directory, weight, at / matrix.columns, at % matrix.columns, "NaN");
  const at::Tensor& scales = matrix.scales.values;
  if (scales.scalar_type() == at::kByte) {
    const auto is_nan = [](std::uint8_t bits) { return bits == 0xff; };
    if (const std::int64_t at = first_byte(scales, is_nan); at >= 0) {
      const std::int64_t in_row = std::max<std::int64_t>(1, matrix.scales.row_stride);
      refuse(directory, weight, at / in_row * matrix.scales.rows_per,
             at % in_row * matrix.scales.columns_per, "a scale that is NaN");
    }
  }
  const double largest = largest_scale(scales) * double{matrix.largest_code()};
  if (!(largest <= largest_number(type))) require_products(directory, weight, type);
}

}  // namespace

void require_sound(const std::filesystem::path& directory,
                   const std::vector<QuantizedWeight>& weights, at::ScalarType type) {
  for (const QuantizedWeight& weight : weights) require_sound(directory, weight, type);
}

}  // namespace lensbench
