#include <ATen/ops/empty.h>

#include <algorithm>
#include <vector>

#include "model/forward/products/product.hpp"
#include "model/runtime/parallel.hpp"

namespace lensbench::products {
namespace {

/// Parts of nearly equal size into which an axis is cut, so that each part of the weight has about
/// `part_bytes`.
struct Cut {
  std::int64_t size, parts;

  Cut(std::int64_t axis, std::int64_t bytes, std::int64_t part_bytes, std::int64_t most) {
    const std::int64_t wanted = std::clamp<std::int64_t>(bytes / part_bytes, 1, most);
    size = std::max<std::int64_t>(1, (axis + wanted - 1) / wanted);
    parts = (axis + size - 1) / size;
  }
  std::int64_t begin(std::int64_t part) const { return part * size; }
  std::int64_t count(std::int64_t part, std::int64_t axis) const {
    return std::min(size, axis - begin(part));
  }
};

/// Each task computes some outputs.
void multiply_by_output(const Operands& whole, const Matrix& weight, const TypeLoops& loops) {
  constexpr std::int64_t kPartBytes = 256 << 10;  // outweighs handing the part to a thread
  const Cut cut(weight.out, weight.in * weight.out * weight.element_bytes(), kPartBytes, 64);
  for_each_parallel(cut.parts, [&](std::int64_t part) {
    Operands operands = whole;
    operands.weight = weight.at(0, cut.begin(part));
    operands.out = cut.count(part, weight.out);
    operands.y = whole.y + cut.begin(part);
    loops.by_output(operands);
  });
}

/// Each task computes some outputs, whose weights it makes a few at a time.
void multiply_quantized(const Operands& whole, const Matrix& weight, const TypeLoops& loops) {
  constexpr std::int64_t kPartElements = 64 << 10, kMadeElements = 64 << 10, kMostRows = 16;
  const Cut cut(weight.out, weight.in * weight.out, kPartElements, 64);
  const std::int64_t most = std::clamp<std::int64_t>(kMadeElements / weight.in, 1, kMostRows);
  for_each_parallel(cut.parts, [&](std::int64_t part) {
    std::vector<float> made(static_cast<std::size_t>(most * weight.in));
    const std::int64_t begin = cut.begin(part), end = begin + cut.count(part, weight.out);
    Operands operands = whole;
    operands.weight = made.data();
    operands.weight_stride = weight.in;
    for (std::int64_t output = begin; output < end; output += most) {
      operands.out = std::min(most, end - output);
      operands.y = whole.y + output;
      weight.read(0, weight.in, output, operands.out, made.data());
      loops.by_output(operands);
    }
  });
}

/// Each task adds the terms of some inputs to sums of its own, so that it reads the weight in
/// order; the sums are added at the end, in the order of the inputs.
void multiply_by_input(const Operands& whole, const Matrix& weight, const TypeLoops& loops) {
  // A part has many more weights than sums, and there are enough parts for many threads.
  constexpr std::int64_t kPartBytes = 512 << 10, kMost = 16;
  const Cut cut(weight.in, weight.in * weight.out * weight.element_bytes(), kPartBytes, kMost);
  const std::int64_t sums = whole.rows * weight.out;
  std::vector<float> partial(static_cast<std::size_t>((cut.parts - 1) * sums));
  for_each_parallel(cut.parts, [&](std::int64_t part) {
    Operands operands = whole;
    operands.x = whole.x + cut.begin(part);
    operands.weight = weight.at(cut.begin(part), 0);
    operands.in = cut.count(part, weight.in);
    if (part > 0) operands.y = partial.data() + (part - 1) * sums;
    loops.by_input(operands);
  });
  for (std::int64_t part = 1; part < cut.parts; ++part) {
    const float* terms = partial.data() + (part - 1) * sums;
    for (std::int64_t i = 0; i < sums; ++i) whole.y[i] += terms[i];
  }
}

/// Place of a view in its quantized matrix; nullopt unless its outputs or its inputs are whole rows
/// or adjacent parts of rows.
std::optional<Matrix> quantized_part(const at::Tensor& weight) {
  const QuantizedMatrix* whole = quantized_matrix(weight);
  const std::int64_t columns = whole->columns, offset = weight.storage_offset();
  Matrix matrix{};
  matrix.type = WeightType::float32;
  matrix.in = weight.size(0);
  matrix.out = weight.size(1);
  // The stride of an axis of one element is open.
  const auto along_rows = [&](std::int64_t inner, std::int64_t outer) {
    const bool adjacent = weight.stride(inner) == 1 || weight.size(inner) == 1;
    const bool apart = weight.stride(outer) % columns == 0 || weight.size(outer) == 1;
    return adjacent && apart && offset % columns + weight.size(inner) <= columns;
  };
  matrix.by_output = along_rows(0, 1);
  if (!matrix.by_output && !along_rows(1, 0)) return std::nullopt;
  const std::int64_t outer = matrix.by_output ? 1 : 0;
  matrix.quantized = {whole, weight.scalar_type(), offset / columns,
                      weight.size(outer) == 1 ? 1 : weight.stride(outer) / columns,
                      offset % columns};
  return matrix;
}

WeightType type_of(at::ScalarType type) {
  return type == at::kFloat      ? WeightType::float32
         : type == at::kBFloat16 ? WeightType::bfloat16
                                 : WeightType::float16;
}

}  // namespace

void Matrix::read(std::int64_t first_input, std::int64_t inputs, std::int64_t first_output,
                  std::int64_t outputs, float* to) const {
  const std::int64_t row = by_output ? first_output : first_input;
  const std::int64_t rows = by_output ? outputs : inputs, count = by_output ? inputs : outputs;
  const std::int64_t column = quantized.first_column + (by_output ? first_input : first_output);
  for (std::int64_t i = 0; i < rows; ++i)
    read_rounded(*quantized.matrix, quantized.rounded,
                 quantized.first_row + (row + i) * quantized.row_step, column, count,
                 to + i * count);
}

std::optional<Matrix> matrix_of(const at::Tensor& weight) {
  if (lensbench::is_quantized(weight) && weight.dim() == 2) return quantized_part(weight);
  const at::ScalarType type = weight.scalar_type();
  const bool known = type == at::kFloat || type == at::kBFloat16 || type == at::kHalf;
  if (!known || !weight.is_cpu() || weight.layout() != at::kStrided || weight.dim() != 2)
    return std::nullopt;
  Matrix matrix;
  matrix.data = weight.data_ptr();
  matrix.type = type_of(type);
  matrix.in = weight.size(0);
  matrix.out = weight.size(1);
  // The stride of an axis of one element is open.
  const bool adjacent_inputs = weight.stride(0) == 1 || matrix.in == 1;
  const bool adjacent_outputs = weight.stride(1) == 1 || matrix.out == 1;
  if (!adjacent_inputs && !adjacent_outputs) return std::nullopt;
  matrix.by_output = !adjacent_outputs;
  matrix.stride = weight.stride(matrix.by_output ? 1 : 0);
  return matrix;
}

at::Tensor few_rows(const at::Tensor& x, const Matrix& weight, const Loops& loops) {
  const at::Tensor inputs = x.contiguous();
  at::Tensor result = at::empty({x.size(0), weight.out}, x.options());
  if (weight.in == 0 || result.numel() == 0) return result.zero_();
  const TypeLoops& of_type = loops.of(weight.type);
  Operands operands;
  operands.x = inputs.data_ptr<float>();
  operands.rows = x.size(0);
  operands.x_stride = operands.in = weight.in;
  operands.weight = weight.data;
  operands.weight_stride = weight.stride;
  operands.out = operands.y_stride = weight.out;
  operands.y = result.data_ptr<float>();
  if (weight.is_quantized())
    multiply_quantized(operands, weight, of_type);
  else if (weight.by_output)
    multiply_by_output(operands, weight, of_type);
  else
    multiply_by_input(operands, weight, of_type);
  return result;
}

}  // namespace lensbench::products
