#pragma once

#include <cstdint>
#include <vector>

namespace lensbench::products {

/// Element types of weights, as bits. They are widened to float32, which is exact.
struct BFloat16 {
  std::uint16_t bits;
};
struct Float16 {
  std::uint16_t bits;
};
enum class WeightType { float32, bfloat16, float16 };

/// Columns of a packed group.
inline constexpr std::int64_t kLanes = 16;

/// A product y[row, out] = sum over in of x[row, in] * weight[in, out].
struct Operands {
  const float* x;  ///< [row, in], rows `x_stride` apart
  std::int64_t rows, x_stride;
  const void* weight;  ///< see the loops for its layout
  std::int64_t weight_stride;
  std::int64_t in, out;
  float* y;  ///< [row, out], rows `y_stride` apart; overwritten
  std::int64_t y_stride;
};

/// Loops for one instruction set and one element type. The order of the sums depends on the shape
/// alone.
struct TypeLoops {
  /// Weight stored by outputs: the terms of one output are adjacent, outputs are `weight_stride`
  /// elements apart. Each weight is read once from memory, however many rows there are.
  void (*by_output)(const Operands& operands);
  /// Weight stored by inputs: the outputs of one input are adjacent.
  void (*by_input)(const Operands& operands);
  /// Widens `lanes` (at most kLanes) outputs and k inputs to [k][kLanes], missing lanes as zero.
  void (*pack_by_output)(const void* weight, std::int64_t stride, std::int64_t k,
                         std::int64_t lanes, float* packed);
  void (*pack_by_input)(const void* weight, std::int64_t stride, std::int64_t k, std::int64_t lanes,
                        float* packed);
  /// Widens `count` adjacent elements.
  void (*widen)(const void* from, std::int64_t count, float* to);
};

struct Loops {
  const char* name;
  TypeLoops float32, bfloat16, float16;

  const TypeLoops& of(WeightType type) const {
    return type == WeightType::float32    ? float32
           : type == WeightType::bfloat16 ? bfloat16
                                          : float16;
  }
};

/// The fastest set of loops that this processor supports.
const Loops& best_loops();
/// Every set of loops that this processor supports, for tests.
std::vector<const Loops*> available_loops();

}  // namespace lensbench::products
