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

WeightType type_of(at::ScalarType type) {
  return type == at::kFloat      ? WeightType::float32
         : type == at::kBFloat16 ? WeightType::bfloat16
                                 : WeightType::float16;
}

}  // namespace

std::optional<Matrix> matrix_of(const at::Tensor& weight) {
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
  if (weight.by_output)
    multiply_by_output(operands, weight, of_type);
  else
    multiply_by_input(operands, weight, of_type);
  return result;
}

}  // namespace lensbench::products
