#pragma once

#include <ATen/core/Tensor.h>

#include <lensbench/dataset.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <vector>

namespace lensbench::activations {

/// Removes the points of a vision tower for a prompt without pictures.
/// \throws UsageError if no other point is left, and for points of scores and patterns, of which
/// there
///   is one for each segment
void check_tower_points(std::vector<HookPoint>& points, const Tokens& tokens);

/// Activation of a tower with its rows in the order of the picture: frame by frame, in each row by
/// row.
at::Tensor in_picture_order(const VisionSpec& spec, const Tokens& tokens, const HookPoint& point,
                            const at::Tensor& activation);

/// Adds picture, frame, row and column of each patch or token of the axes `patch` and
/// `picture_token` that `dataset` has.
void add_picture_axes(Dataset& dataset, const VisionSpec& spec, const Tokens& tokens);

}  // namespace lensbench::activations
