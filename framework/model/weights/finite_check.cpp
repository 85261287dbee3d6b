#include "model/weights/finite_check.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "model/runtime/parallel.hpp"

namespace lensbench {
namespace {

/// Bit masks of a floating-point type. A number is NaN or infinite if all exponent bits are set:
/// then adding the lowest exponent bit carries into the sign bit, which the mask has cleared. So
/// several numbers are tested in one word.
struct Lanes {
  std::uint64_t exponent, lowest, sign;
  std::size_t width;  // bytes of a number
};

Lanes lanes_of(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return {0x7FF0000000000000, 0x0010000000000000, 0x8000000000000000, 8};
    case at::kHalf:
      return {0x7C007C007C007C00, 0x0400040004000400, 0x8000800080008000, 2};
    case at::kBFloat16:
      return {0x7F807F807F807F80, 0x0080008000800080, 0x8000800080008000, 2};
    default:
      return {0x7F8000007F800000, 0x0080000000800000, 0x8000000080000000, 4};
  }
}

std::uint64_t word_at(const char* data) {
  std::uint64_t word;
  std::memcpy(&word, data, sizeof word);
  return word;
}

/// Four words at a time: independent sums let the processor run them in parallel.
bool is_finite(const char* data, std::size_t bytes, const Lanes& lanes) {
  std::uint64_t found[4] = {0, 0, 0, 0};
  std::size_t at = 0;
  for (; at + 32 <= bytes; at += 32)
    for (std::size_t i = 0; i < 4; ++i)
      found[i] |= (word_at(data + at + 8 * i) & lanes.exponent) + lanes.lowest;
  for (; at < bytes; at += 8) {
    // The end is copied into zeros, which count as finite.
    char last[8] = {};
    std::memcpy(last, data + at, std::min<std::size_t>(8, bytes - at));
    found[0] |= (word_at(last) & lanes.exponent) + lanes.lowest;
  }
  return ((found[0] | found[1] | found[2] | found[3]) & lanes.sign) == 0;
}

struct Stretch {
  std::size_t tensor;
  const char* data;  // first byte of the stretch
  std::size_t begin, bytes;
};

/// Work of one thread at a time: large enough to stream, small enough to balance.
constexpr std::size_t kStretchBytes = 4u << 20;

std::vector<Stretch> stretches_of(const std::vector<at::Tensor>& tensors) {
  std::vector<Stretch> stretches;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto* data = static_cast<const char*>(tensors[i].data_ptr());
    const std::size_t bytes = tensors[i].nbytes();
    for (std::size_t begin = 0; begin < bytes; begin += kStretchBytes)
      stretches.push_back({i, data + begin, begin, std::min(kStretchBytes, bytes - begin)});
  }
  return stretches;
}

/// Slow search for the number within the one stretch that holds it.
NonFinite locate(const Stretch& stretch, const Lanes& lanes) {
  std::size_t at = 0;
  while (is_finite(stretch.data + at, lanes.width, lanes)) at += lanes.width;
  return {stretch.tensor, static_cast<std::int64_t>((stretch.begin + at) / lanes.width)};
}

}  // namespace

std::optional<NonFinite> find_non_finite(const std::vector<at::Tensor>& tensors) {
  const auto stretches = stretches_of(tensors);
  const auto lanes = [&](const Stretch& stretch) {
    return lanes_of(tensors[stretch.tensor].scalar_type());
  };
  const auto count = static_cast<std::int64_t>(stretches.size());
  std::atomic<std::int64_t> first = count;
  for_each_parallel(count, [&](std::int64_t i) {
    const Stretch& stretch = stretches[static_cast<std::size_t>(i)];
    // The first one in the order of the list is reported, whichever thread finds one first.
    if (i > first || is_finite(stretch.data, stretch.bytes, lanes(stretch))) return;
    std::int64_t known = first;
    while (i < known && !first.compare_exchange_weak(known, i)) {
    }
  });
  if (first == count) return std::nullopt;
  const Stretch& stretch = stretches[static_cast<std::size_t>(first.load())];
  return locate(stretch, lanes(stretch));
}

}  // namespace lensbench
