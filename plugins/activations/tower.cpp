#include "tower.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/vision.hpp>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>

#include "layout.hpp"

namespace lensbench::activations {
namespace {

using Parts = std::vector<PicturePart>;

auto place_of(const PicturePart& part) {
  return std::tuple(part.picture, part.frame, part.row, part.column);
}

bool comes_before(const PicturePart& a, const PicturePart& b) {
  return place_of(a) < place_of(b);
}

/// Patches as their point has them: those of the embedding as they are given, all others as they
/// are computed.
Parts parts_of(const VisionSpec& spec, const Tokens& tokens, const HookPoint& point) {
  if (point.dims.front() == "image_token") return picture_tokens(spec, tokens.pictures);
  Parts parts = tower_patches(spec, tokens.pictures);
  if (point.name == "vision_encoder.hook_patch_embed")
    std::sort(parts.begin(), parts.end(),
              [](const PicturePart& a, const PicturePart& b) { return a.number < b.number; });
  return parts;
}

/// Scores and patterns exist once for each segment, and segments differ in size.
void check_size(const HookPoint& point) {
  if (point.dims.back() != "key_patch") return;
  throw UsageError("activations: '" + point.name +
                   "' has one value for each segment of the vision tower; exclude it in hooks (!" +
                   point.name + "), or read it in C++ with Hooks::read");
}

void add_labels(Dataset& dataset, const std::string& dim, const std::string& of,
                const Parts& parts) {
  const auto add = [&](const char* name, std::int64_t PicturePart::*member, const char* meaning) {
    std::vector<std::int64_t> values;
    values.reserve(parts.size());
    for (const PicturePart& part : parts) values.push_back(part.*member);
    dataset.add({.name = dim + "_" + name,
                 .dims = {dim},
                 .tensor = at::tensor(values, at::kLong).to(at::kInt),
                 .long_name = std::string(meaning) + " of the " + of,
                 .coordinate = true});
  };
  add("image", &PicturePart::picture, "number of the picture");
  add("frame", &PicturePart::frame, "pair of frames");
  add("row", &PicturePart::row, "row from the top, counted from 0,");
  add("column", &PicturePart::column, "column from the left, counted from 0,");
}

}  // namespace

void check_tower_points(std::vector<HookPoint>& points, const Tokens& tokens) {
  if (tokens.pictures.empty()) {
    if (std::all_of(points.begin(), points.end(), is_of_tower))
      throw UsageError("activations: '" + points.front().name +
                       "' is in the vision tower, but the prompt does not have pictures; give a "
                       "picture, or choose points of the text model");
    std::erase_if(points, is_of_tower);
  }
  for (const HookPoint& point : points) check_size(point);
}

at::Tensor in_picture_order(const VisionSpec& spec, const Tokens& tokens, const HookPoint& point,
                            const at::Tensor& activation) {
  const Parts parts = parts_of(spec, tokens, point);
  std::vector<std::int64_t> order(parts.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return comes_before(parts[static_cast<std::size_t>(a)], parts[static_cast<std::size_t>(b)]);
  });
  return activation.index_select(0, at::tensor(order, at::kLong).to(activation.device()));
}

void add_picture_axes(Dataset& dataset, const VisionSpec& spec, const Tokens& tokens) {
  const auto dims = dataset.dims();  // a copy: the dataset grows
  for (const auto& [dim, length] : dims) {
    if (dim != "patch" && dim != "picture_token") continue;
    Parts parts = dim == "patch" ? tower_patches(spec, tokens.pictures)
                                 : picture_tokens(spec, tokens.pictures);
    std::sort(parts.begin(), parts.end(), comes_before);
    add_labels(dataset, dim, dim == "patch" ? "patch" : "token", parts);
  }
}

}  // namespace lensbench::activations
