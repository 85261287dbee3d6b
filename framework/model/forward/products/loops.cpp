#include "model/forward/products/loops.hpp"

#include <algorithm>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

// The loops are written once, on vectors of LENSBENCH_WIDTH floats, and compiled for each
// instruction set. They are templates of a header that is included for each set, since a function
// that uses an instruction of a set must have its attribute. AVX-512 does not make them faster:
// their time is that of reading memory.

namespace lensbench::products {
namespace {

namespace baseline {
#define LENSBENCH_TARGET
#define LENSBENCH_WIDTH 4
#define LENSBENCH_INTRINSICS 0
#include "model/forward/products/loop_bodies.hpp"
#undef LENSBENCH_TARGET
#undef LENSBENCH_WIDTH
#undef LENSBENCH_INTRINSICS
constexpr Loops kLoops = {"baseline", loops_of<float>(), loops_of<BFloat16>(), loops_of<Float16>()};
}  // namespace baseline

#if defined(__x86_64__)
namespace avx2 {
#define LENSBENCH_TARGET [[gnu::target("avx2,fma,f16c")]]
#define LENSBENCH_WIDTH 8
#define LENSBENCH_INTRINSICS 1
#include "model/forward/products/loop_bodies.hpp"
#undef LENSBENCH_TARGET
#undef LENSBENCH_WIDTH
#undef LENSBENCH_INTRINSICS
constexpr Loops kLoops = {"avx2", loops_of<float>(), loops_of<BFloat16>(), loops_of<Float16>()};
}  // namespace avx2
#endif

#if defined(__x86_64__)
/// True if the processor converts float16; clang 14 does not know the name of this feature.
bool converts_float16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

}  // namespace

/// Ordered from slow to fast; each has the instructions that its functions were compiled for.
std::vector<const Loops*> available_loops() {
  std::vector<const Loops*> loops = {&baseline::kLoops};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && converts_float16())
    loops.push_back(&avx2::kLoops);
#endif
  return loops;
}

const Loops& best_loops() {
  static const Loops* const best = available_loops().back();
  return *best;
}

}  // namespace lensbench::products
