#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/vision.hpp>
#include <sstream>

#include "model/vision/tower.hpp"
#include "model/vision/tower_places.hpp"
#include "model/vision/tower_sequence.hpp"

namespace lensbench {
namespace {

/// Weights of the merger alone.
TowerWeights merger_of(const Model& model) {
  TowerWeights weights;
  const std::string of = "vision_projector.";
  weights.merger_norm = {model.weight(of + "ln.w"), model.weight(of + "ln.b")};
  weights.merger_in = {model.weight(of + "W_in"), model.weight(of + "b_in")};
  weights.merger_out = {model.weight(of + "W_out"), model.weight(of + "b_out")};
  return weights;
}

}  // namespace

std::vector<PicturePart> tower_patches(const VisionSpec& spec,
                                       const std::vector<PictureRows>& pictures) {
  return tower_places(spec, {pictures}).computed->parts;
}

std::vector<PicturePart> picture_tokens(const VisionSpec& spec,
                                        const std::vector<PictureRows>& pictures) {
  return tower_places(spec, {pictures}).tokens->parts;
}

std::vector<std::int64_t> tower_segments(const VisionSpec& spec,
                                         const std::vector<PictureRows>& pictures,
                                         std::int64_t block) {
  if (block < 0 || block >= spec.n_layers)
    throw UsageError("vision tower: block " + std::to_string(block) +
                     " does not exist; give 0 to " + std::to_string(spec.n_layers - 1));
  const std::vector<vision::PatchGrid> grids = patch_grids(pictures);
  return attends_to_frame(spec, block)
             ? vision::frame_starts(grids)
             : vision::window_order(grids, patch_shape(spec), spec.window_size).windows;
}

at::Tensor merge_patches(const Model& model, const std::vector<PictureRows>& pictures,
                         const at::Tensor& stream) {
  if (!model.spec().vision)
    throw UsageError("merge_patches: models of family '" + model.spec().family +
                     "' read text only; give a model with a vision tower");
  const VisionSpec& spec = *model.spec().vision;
  const std::vector<vision::PatchGrid> grids = patch_grids(pictures);
  const std::vector<std::int64_t> shape{vision::frame_starts(grids).back(), spec.d_model};
  if (!stream.defined() || stream.sizes() != at::IntArrayRef(shape)) {
    std::ostringstream message;
    message << "merge_patches: the stream of these pictures must be " << at::IntArrayRef(shape)
            << ", found ";
    if (stream.defined())
      message << stream.sizes();
    else
      message << "none";
    throw UsageError(message.str());
  }
  at::Tensor places;
  if (spec.window_size > 0)
    places = at::tensor(vision::window_order(grids, patch_shape(spec), spec.window_size).places,
                        at::kLong);
  return merged_patches(spec, merger_of(model), places, stream);
}

}  // namespace lensbench
