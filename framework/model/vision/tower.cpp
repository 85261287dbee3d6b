#include "model/vision/tower.hpp"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <sstream>

#include "model/forward/linear.hpp"
#include "model/forward/mlp.hpp"
#include "model/forward/norm.hpp"
#include "model/vision/tower_attention.hpp"
#include "vision/geometry/windows.hpp"

namespace lensbench {
namespace {

vision::PatchShape shape_of(const VisionSpec& spec) {
  return {spec.patch_size, spec.merge_size, spec.temporal_size};
}

std::vector<vision::PatchGrid> grids_of(const std::vector<PictureRows>& pictures) {
  std::vector<vision::PatchGrid> grids;
  grids.reserve(pictures.size());
  for (const PictureRows& picture : pictures)
    grids.push_back({picture.frames, picture.height, picture.width});
  return grids;
}

void check(const VisionSpec& spec, const PictureRows& picture) {
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

/// Pictures as one sequence of patches in the order of the tower.
struct Sequence {
  at::Tensor rows;                            ///< [patch, values]
  at::Tensor cos, sin;                        ///< [patch, 1, d_head / 2] float32
  std::vector<std::int64_t> frames, windows;  ///< patch at which each begins, and their number
  at::Tensor places;  ///< [token] place of each token in this order; undefined: its own
};

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

Sequence sequence_of(const VisionSpec& spec, const TowerWeights& weights,
                     const std::vector<PictureRows>& pictures) {
  const std::vector<vision::PatchGrid> grids = grids_of(pictures);
  std::vector<at::Tensor> rows;
  rows.reserve(pictures.size());
  for (const PictureRows& picture : pictures) {
    check(spec, picture);
    rows.push_back(picture.rows);
  }
  Sequence sequence;
  sequence.frames = vision::frame_starts(grids);
  at::Tensor all = at::cat(rows), angles = angles_of(spec, grids);
  if (spec.window_size > 0) {
    const vision::WindowOrder order = vision::window_order(grids, shape_of(spec), spec.window_size);
    const std::int64_t unit = spec.patches_of_token();
    const at::Tensor patches = at::tensor(order.tokens, at::kLong)
                                   .mul(unit)
                                   .unsqueeze(1)
                                   .add(at::arange(unit, at::kLong))
                                   .flatten();
    all = all.index_select(0, patches);
    angles = angles.index_select(0, patches);
    sequence.windows = order.windows;
    sequence.places = at::tensor(order.places, at::kLong);
  }
  const at::Tensor& like = weights.patch_embed.weight;
  sequence.rows = all.to(like.options());
  sequence.cos = angles.cos().unsqueeze(1).to(like.device());
  sequence.sin = angles.sin().unsqueeze(1).to(like.device());
  return sequence;
}

/// Rotates x [patch, head, d_head] in pairs (i, i + d_head / 2), in float32 whatever its type.
at::Tensor rotated(const at::Tensor& x, const Sequence& sequence) {
  const std::int64_t half = x.size(2) / 2;
  const at::Tensor wide = x.to(accumulation_type(x.scalar_type()));
  const at::Tensor first = wide.narrow(2, 0, half), second = wide.narrow(2, half, half);
  return at::cat({first.mul(sequence.cos).sub(second.mul(sequence.sin)),
                  second.mul(sequence.cos).add(first.mul(sequence.sin))},
                 2)
      .to(x.scalar_type());
}

bool attends_to_frame(const VisionSpec& spec, std::int64_t block) {
  const auto& full = spec.full_attention_blocks;
  return spec.window_size == 0 || std::find(full.begin(), full.end(), block) != full.end();
}

at::Tensor attention_of(const VisionSpec& spec, const TowerBlockWeights& weights,
                        const Sequence& sequence, bool whole_frame, const at::Tensor& x) {
  const at::Tensor heads = linear(x, weights.qkv).view({x.size(0), 3, spec.n_heads, spec.d_head()});
  const at::Tensor z = attend_in_segments(rotated(heads.select(1, 0), sequence),
                                          rotated(heads.select(1, 1), sequence), heads.select(1, 2),
                                          whole_frame ? sequence.frames : sequence.windows);
  return linear(z.flatten(1), weights.o);
}

at::Tensor mlp_of(const VisionSpec& spec, const TowerBlockWeights& weights, const at::Tensor& x) {
  at::Tensor hidden = activate(spec.activation, linear(x, spec.gated ? weights.gate : weights.in));
  if (spec.gated) hidden = hidden.mul(linear(x, weights.in));
  return linear(hidden, weights.out);
}

at::Tensor merged(const VisionSpec& spec, const TowerWeights& weights, const at::Tensor& places,
                  const at::Tensor& stream) {
  const at::Tensor normed = apply_norm(spec.norm, weights.merger_norm, stream);
  const at::Tensor joined = normed.reshape({-1, spec.patches_of_token() * spec.d_model});
  const at::Tensor tokens =
      linear(activate(Activation::gelu, linear(joined, weights.merger_in)), weights.merger_out);
  return places.defined() ? tokens.index_select(0, places.to(tokens.device())) : tokens;
}

}  // namespace

at::Tensor run_tower(const VisionSpec& spec, const TowerWeights& weights,
                     const std::vector<PictureRows>& pictures, const TowerReader& read) {
  const Sequence sequence = sequence_of(spec, weights, pictures);
  at::Tensor x = linear(sequence.rows, weights.patch_embed);
  if (read) read(0, x);
  for (std::int64_t block = 0; block < spec.n_layers; ++block) {
    const TowerBlockWeights& own = weights.blocks[static_cast<std::size_t>(block)];
    x = x.add(attention_of(spec, own, sequence, attends_to_frame(spec, block),
                           apply_norm(spec.norm, own.norm1, x)));
    x = x.add(mlp_of(spec, own, apply_norm(spec.norm, own.norm2, x)));
    if (read) read(block + 1, x);
  }
  return merged(spec, weights, sequence.places, x);
}

at::Tensor run_tower(const VisionSpec& spec, const TowerWeights& weights,
                     const std::vector<PictureRows>& pictures) {
  return run_tower(spec, weights, pictures, {});
}

at::Tensor merge_patches(const VisionSpec& spec, const TowerWeights& weights,
                         const std::vector<PictureRows>& pictures, const at::Tensor& stream) {
  at::Tensor places;
  if (spec.window_size > 0)
    places = at::tensor(
        vision::window_order(grids_of(pictures), shape_of(spec), spec.window_size).places,
        at::kLong);
  return merged(spec, weights, places, stream);
}

}  // namespace lensbench
