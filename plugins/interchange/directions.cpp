#include "directions.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/linear_algebra.hpp>
#include <lensbench/tensor_file.hpp>

namespace lensbench::interchange {
namespace {

/// Directions whose singular values are smaller than this share of the largest depend on others.
constexpr double kLeastShare = 1e-6;

/// Row of a point in a result of `probe`.
std::int64_t row_of_point(const TensorFile& file, const std::string& point) {
  const auto& known = file.texts("point");
  const auto found = std::find(known.begin(), known.end(), point);
  if (found != known.end()) return found - known.begin();
  throw UsageError("interchange: '" + file.source() + "' does not have a direction of '" + point +
                   "'; fit the probe there, or choose its layers");
}

/// Rows [row, width] of a point in a result of `probe`.
at::Tensor rows_of_probe(const TensorFile& file, const std::string& point, std::int64_t width) {
  const std::int64_t row = row_of_point(file, point);
  if (file.contains("direction"))
    return file.read("direction", {-1, width})[row].unsqueeze(0).to(at::kDouble);
  const at::Tensor weights = file.read("class_direction", {-1, -1, width})[row].to(at::kDouble);
  // They sum to 0 after their mean is gone, so the last one adds nothing to their span.
  return (weights - weights.mean(0, /*keepdim=*/true)).narrow(0, 0, weights.size(0) - 1);
}

/// Rows of a tensor that is the same at all points.
at::Tensor rows_of_tensor(const TensorFile& file, std::int64_t width) {
  if (file.shape("direction").size() == 1)
    return file.read("direction", {width}).unsqueeze(0).to(at::kDouble);
  return file.read("direction", {-1, width}).to(at::kDouble);
}

}  // namespace

std::vector<at::Tensor> directions_of_file(const std::string& source,
                                           const std::vector<std::string>& points,
                                           std::int64_t width, std::int64_t rank) {
  const TensorFile file(source);
  const bool of_probe = source.find(".h5:") != std::string::npos;
  std::vector<at::Tensor> directions;
  directions.reserve(points.size());
  for (const std::string& point : points) {
    const at::Tensor rows =
        of_probe ? rows_of_probe(file, point, width) : rows_of_tensor(file, width);
    if (rows.size(0) < rank)
      throw UsageError("interchange: '" + source + "' has " + std::to_string(rows.size(0)) +
                       " directions at '" + point + "' and rank is " + std::to_string(rank) +
                       "; give at most as many");
    if (!at::isfinite(rows).all().item<bool>())
      throw UsageError("interchange: a direction of '" + source + "' at '" + point +
                       "' is not finite; choose other layers");
    const at::Tensor sizes = linear_algebra::thin_svd(rows.narrow(0, 0, rank)).S;
    if (!(sizes.min() > kLeastShare * sizes.max()).item<bool>())
      throw UsageError("interchange: the first " + std::to_string(rank) + " directions of '" +
                       source + "' at '" + point +
                       "' are 0 or depend on one another; give others, or a smaller rank");
    directions.push_back(rows);
  }
  return directions;
}

}  // namespace lensbench::interchange
