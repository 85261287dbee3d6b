#include "vision/resize/smart_resize.hpp"

#include <algorithm>
#include <cmath>
#include <lensbench/error.hpp>

namespace lensbench::vision {
namespace {

constexpr std::int64_t kLongest = 200;

// Each function has the operations of the original in its order, because a side near a multiple of
// the factor is decided by the last bit.

/// The nearest multiple; halves go to an even one, as Python rounds.
std::int64_t nearest_multiple(std::int64_t side, std::int64_t factor) {
  return std::llrint(static_cast<double>(side) / static_cast<double>(factor)) * factor;
}

std::int64_t shrunk(std::int64_t side, double beta, std::int64_t factor) {
  const double multiples =
      std::floor(static_cast<double>(side) / beta / static_cast<double>(factor));
  return std::max(factor, static_cast<std::int64_t>(multiples) * factor);
}

std::int64_t grown(std::int64_t side, double beta, std::int64_t factor) {
  const double multiples =
      std::ceil(static_cast<double>(side) * beta / static_cast<double>(factor));
  return static_cast<std::int64_t>(multiples) * factor;
}

}  // namespace

PictureSize smart_resize(PictureSize size, std::int64_t factor, const PixelLimits& limits,
                         const std::string& file) {
  const auto [h, w] = size;
  if (std::max(h, w) > kLongest * std::min(h, w))
    throw InputError(file + ": the picture has " + std::to_string(w) + " x " + std::to_string(h) +
                     " pixels, and one side may be at most 200 times the other; cut it into parts");
  PictureSize resized{nearest_multiple(h, factor), nearest_multiple(w, factor)};
  const auto area = static_cast<double>(h * w);
  if (resized.height * resized.width > limits.max_pixels) {
    const double beta = std::sqrt(area / static_cast<double>(limits.max_pixels));
    resized = {shrunk(h, beta, factor), shrunk(w, beta, factor)};
  } else if (resized.height * resized.width < limits.min_pixels) {
    const double beta = std::sqrt(static_cast<double>(limits.min_pixels) / area);
    resized = {grown(h, beta, factor), grown(w, beta, factor)};
  }
  if (resized.height * resized.width > kMostPixels)
    throw InputError(file + ": the picture would be resized to " + std::to_string(resized.width) +
                     " x " + std::to_string(resized.height) + " pixels, more than the " +
                     std::to_string(kMostPixels) + " that are computed; set a smaller min_pixels");
  return resized;
}

}  // namespace lensbench::vision
