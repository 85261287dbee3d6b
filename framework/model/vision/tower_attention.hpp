#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "model/hooks/hook_plan.hpp"
#include "model/vision/tower_places.hpp"

namespace lensbench {

/// Attention of a vision tower: every patch attends to all patches of its own segment, a frame or a
/// window. Scores are reduced in tiles, so that memory grows with the patches and not with their
/// square.
/// \param q, k, v   [patch, head, d_head]
/// \param starts  patch at which each segment begins, and the number of patches
/// \return [patch, head, d_head]
at::Tensor attend_in_segments(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const std::vector<std::int64_t>& starts);

/// Attention within segments, with hook points of scores and patterns that are called once for each
/// segment.
/// Reading them changes no bit of the result.
/// \param hooks   of the block \param places  of the segments
/// \param gradients  true to compute the result from the scores, as the graph needs it
at::Tensor attend_in_hooked_segments(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                     const std::vector<std::int64_t>& starts, const HookSite& hooks,
                                     const std::vector<TowerPlaces::Place>& places, bool gradients);

}  // namespace lensbench
