#include "model/weights/random_fill.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <numbers>

#include "model/runtime/parallel.hpp"

namespace lensbench {
namespace {

/// Elements of a task; the value of an element depends on its index alone.
constexpr std::int64_t kBlocksPerTask = 1 << 16;

/// Uniform number in [0, 1) with 53 bits, from two random words.
double uniform(std::uint32_t first, std::uint32_t second) {
  const std::uint64_t high = first >> 5, low = second >> 6;
  return static_cast<double>((high << 26) | low) * 0x1p-53;
}

struct NormalStream {
  std::uint64_t seed, stream;
  double deviation;

  std::array<double, 2> pair(std::uint64_t block) const {
    const auto low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
    const auto high = [](std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); };
    const auto words = philox4x32_10({low(block), high(block), low(stream), high(stream)},
                                     {low(seed), high(seed)});
    // 1 - u is never 0.
    const double radius = deviation * std::sqrt(-2.0 * std::log(1.0 - uniform(words[0], words[1])));
    const double angle = 2.0 * std::numbers::pi * uniform(words[2], words[3]);
    return {radius * std::cos(angle), radius * std::sin(angle)};
  }
};

template <class Element>
void fill(Element* data, std::int64_t count, const NormalStream& stream) {
  // Through float32, since the half types convert from it.
  const auto element = [](double value) { return static_cast<Element>(static_cast<float>(value)); };
  const std::int64_t blocks = (count + 1) / 2;
  for_each_parallel((blocks + kBlocksPerTask - 1) / kBlocksPerTask, [&](std::int64_t task) {
    const std::int64_t end = std::min(blocks, (task + 1) * kBlocksPerTask);
    for (std::int64_t block = task * kBlocksPerTask; block < end; ++block) {
      const auto values = stream.pair(static_cast<std::uint64_t>(block));
      data[2 * block] = element(values[0]);
      if (2 * block + 1 < count) data[2 * block + 1] = element(values[1]);
    }
  });
}

}  // namespace

void fill_normal(at::Tensor& tensor, double deviation, std::uint64_t seed, std::uint64_t stream) {
  const NormalStream normals{seed, stream, deviation};
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return fill(tensor.data_ptr<float>(), tensor.numel(), normals);
    case at::kBFloat16:
      return fill(tensor.data_ptr<at::BFloat16>(), tensor.numel(), normals);
    case at::kHalf:
      return fill(tensor.data_ptr<at::Half>(), tensor.numel(), normals);
    default:
      throw UsageError(std::string("random fill: expected float32, bfloat16 or float16, found ") +
                       at::toString(tensor.scalar_type()));
  }
}

}  // namespace lensbench
