#include "model/vision/tower_sequence.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <sstream>

namespace lensbench {
namespace {

void check_rows(const VisionSpec& spec, const PictureRows& picture) {
  const std::int64_t patches = picture.frames * picture.height * picture.width;
  const bool whole = picture.frames > 0 && picture.height > 0 && picture.width > 0 &&
                     picture.height % spec.merge_size == 0 && picture.width % spec.merge_size == 0;
  const std::vector<std::int64_t> shape{patches, spec.patch_values()};
  if (whole && picture.rows.defined() && picture.rows.sizes() == at::IntArrayRef(shape)) return;
  std::ostringstream message;
  message << "vision tower: a picture of " << picture.frames << " x " << picture.height << " x "
          << picture.width << " patches has rows ";
  if (picture.rows.defined())
    message << picture.rows.sizes();
  else
    message << "[]";
  message << "; expected " << at::IntArrayRef(shape) << ", with sides that are multiples of "
          << spec.merge_size;
  throw UsageError(message.str());
}

/// Angles of rows and columns of patches, a quarter of a head's width each.
at::Tensor angles_of(const VisionSpec& spec, const std::vector<vision::PatchGrid>& grids) {
  const std::vector<vision::PatchPlace> places = vision::patch_places(grids, spec.merge_size);
  std::vector<float> rows, columns;
  rows.reserve(places.size());
  columns.reserve(places.size());
  for (const vision::PatchPlace& place : places) {
    rows.push_back(static_cast<float>(place.row));
    columns.push_back(static_cast<float>(place.column));
  }
  const std::int64_t half = spec.d_head() / 2;
  const at::Tensor exponent = at::arange(0, half, 2, at::kFloat).div(static_cast<double>(half));
  const at::Tensor frequency = at::pow(spec.rope_theta, exponent).reciprocal();
  const auto turned = [&](const std::vector<float>& positions) {
    return at::tensor(positions).unsqueeze(1).mul(frequency);
  };
  return at::cat({turned(rows), turned(columns)}, 1);
}

}  // namespace

vision::PatchShape patch_shape(const VisionSpec& spec) {
  return {spec.patch_size, spec.merge_size, spec.temporal_size};
}

std::vector<vision::PatchGrid> patch_grids(const std::vector<PictureRows>& pictures) {
  std::vector<vision::PatchGrid> grids;
  grids.reserve(pictures.size());
  for (const PictureRows& picture : pictures)
    grids.push_back({picture.frames, picture.height, picture.width});
  return grids;
}

bool attends_to_frame(const VisionSpec& spec, std::int64_t block) {
  const auto& full = spec.full_attention_blocks;
  return spec.window_size == 0 || std::find(full.begin(), full.end(), block) != full.end();
}

std::vector<std::int64_t> patch_order(const VisionSpec& spec, const vision::WindowOrder& order) {
  const std::int64_t unit = spec.patches_of_token();
  std::vector<std::int64_t> patches;
  patches.reserve(order.tokens.size() * static_cast<std::size_t>(unit));
  for (const std::int64_t token : order.tokens)
    for (std::int64_t i = 0; i < unit; ++i) patches.push_back(token * unit + i);
  return patches;
}

TowerSequence tower_sequence(const VisionSpec& spec, const std::vector<PictureRows>& pictures,
                             const at::TensorOptions& like) {
  const std::vector<vision::PatchGrid> grids = patch_grids(pictures);
  std::vector<at::Tensor> rows;
  rows.reserve(pictures.size());
  for (const PictureRows& picture : pictures) {
    check_rows(spec, picture);
    rows.push_back(picture.rows);
  }
  TowerSequence sequence;
  sequence.rows = at::cat(rows).to(like);
  sequence.frames = vision::frame_starts(grids);
  at::Tensor angles = angles_of(spec, grids);
  if (spec.window_size > 0) {
    const vision::WindowOrder order =
        vision::window_order(grids, patch_shape(spec), spec.window_size);
    const at::Tensor patches = at::tensor(patch_order(spec, order), at::kLong);
    angles = angles.index_select(0, patches);
    sequence.order = patches.to(like.device());
    sequence.windows = order.windows;
    sequence.places = at::tensor(order.places, at::kLong).to(like.device());
  }
  sequence.cos = angles.cos().unsqueeze(1).to(like.device());
  sequence.sin = angles.sin().unsqueeze(1).to(like.device());
  return sequence;
}

}  // namespace lensbench
