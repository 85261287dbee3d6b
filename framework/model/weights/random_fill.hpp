#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace lensbench {

/// Fills a contiguous CPU tensor (float32, bfloat16 or float16) with normal numbers of mean 0.
/// Elements 2b and 2b+1 are the two values of a Box-Muller transform of block b of Philox 4x32-10
/// (`lensbench/random.hpp`) with this seed and stream, computed in float64 and rounded once, so the
/// numbers do not depend on the number of threads.
void fill_normal(at::Tensor& tensor, double deviation, std::uint64_t seed, std::uint64_t stream);

}  // namespace lensbench
