#include "model/weights/converted.hpp"

#include <ATen/ops/empty.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "model/forward/products/loops.hpp"
#include "model/runtime/parallel.hpp"

namespace lensbench {
namespace {

/// Work of one thread at a time: a few large pages.
constexpr std::int64_t kPartElements = std::int64_t{1} << 20;

/// Asks for large pages; if the system has none, the memory has small ones.
void prefer_large_pages(void* memory, std::size_t bytes) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

bool is_half(at::ScalarType type) {
  return type == at::kBFloat16 || type == at::kHalf;
}

/// Elements [begin, begin + count) of a contiguous tensor in another type.
void convert_part(const at::Tensor& from, const at::Tensor& to, std::int64_t begin,
                  std::int64_t count) {
  using products::WeightType;
  if (is_half(from.scalar_type()) && to.scalar_type() == at::kFloat) {
    const auto type = from.scalar_type() == at::kHalf ? WeightType::float16 : WeightType::bfloat16;
    const auto* bits = static_cast<const std::uint16_t*>(from.data_ptr());
    products::best_loops().of(type).widen(bits + begin, count, to.data_ptr<float>() + begin);
    return;
  }
  to.view({-1}).narrow(0, begin, count).copy_(from.view({-1}).narrow(0, begin, count));
}

}  // namespace

at::Tensor converted(const at::Tensor& stored, at::Device device, at::ScalarType dtype) {
  const bool large = stored.numel() > kPartElements && stored.is_contiguous();
  if (stored.scalar_type() == dtype || !large || !stored.is_cpu() || !device.is_cpu())
    return stored.to(device, dtype);
  at::Tensor result = at::empty(stored.sizes(), stored.options().dtype(dtype));
  prefer_large_pages(result.data_ptr(), result.nbytes());
  const std::int64_t parts = (stored.numel() + kPartElements - 1) / kPartElements;
  for_each_parallel(parts, [&](std::int64_t part) {
    const std::int64_t begin = part * kPartElements;
    convert_part(stored, result, begin, std::min(kPartElements, stored.numel() - begin));
  });
  return result;
}

}  // namespace lensbench
