#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/export.hpp>
#include <lensbench/hooks.hpp>
#include <lensbench/model.hpp>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <vector>

namespace lensbench {

/// Patch of each row of an activation inside of a vision tower, in the order in which it is
/// computed: that of `PictureRows::rows`, or window by window in a tower with windows.
/// \param spec      the tower
/// \param pictures  of one sequence
LENSBENCH_API std::vector<PicturePart> tower_patches(const VisionSpec& spec,
                                                     const std::vector<PictureRows>& pictures);

/// Tokens that the text model reads instead of the placeholders, in their order: picture by
/// picture, in each row by row.
/// \param spec      the tower
/// \param pictures  of one sequence
LENSBENCH_API std::vector<PicturePart> picture_tokens(const VisionSpec& spec,
                                                      const std::vector<PictureRows>& pictures);

/// Row of `tower_patches` at which each segment of a block begins, and the number of rows. A patch
/// attends to the patches of its own segment: its frame, or its window.
/// \param spec      the tower
/// \param pictures  of one sequence
/// \param block     block of the tower, counted from 0
/// \throws UsageError for a block that the tower lacks
LENSBENCH_API std::vector<std::int64_t> tower_segments(const VisionSpec& spec,
                                                       const std::vector<PictureRows>& pictures,
                                                       std::int64_t block);

/// The merger on a stream of the tower: one token for each square of patches. For the stream after
/// the last block these are the tokens that the text model reads; for the stream after fewer
/// blocks, for which the merger was not trained, this is the tower lens. \param model     a model
/// with a tower \param pictures  of one sequence \param stream    [patch, d_vision], in the order
/// of `tower_patches` \return [token, d_model], in the order of `picture_tokens` \throws UsageError
/// for a model without a tower and for a stream of another shape
LENSBENCH_API at::Tensor merge_patches(const Model& model, const std::vector<PictureRows>& pictures,
                                       const at::Tensor& stream);

}  // namespace lensbench
