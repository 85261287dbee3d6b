#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <vector>

#include "model/forward/kv_cache.hpp"

namespace lensbench {

/// Rotary positions of the tokens of some sequences: temporal, vertical and horizontal.
struct PicturePositions {
  at::Tensor ids;  ///< [3, batch, pos] int64
  /// Pictures of each row by columns of the sequence.
  std::vector<std::vector<PictureSpan>> spans;
};

/// Positions of whole sequences with pictures. Text counts on all three axes; a token of a picture
/// has the position of the picture on the temporal axis, and in addition its row and its column on
/// the other two; the text after it goes on from the largest of them (Qwen2-VL, arXiv:2409.12191,
/// section 2.1; `get_rope_index` of transformers).
/// \param padding  padded columns at the left of each row, which get the position 0; or empty
/// \param prompt_columns  placeholders from this column on were generated and count as text, as in
///   transformers
/// \throws UsageError for placeholders that do not fit the pictures, and for pictures without
///   another token between them
PicturePositions picture_positions(const VisionSpec& spec, const TokenBatch& tokens,
                                   const std::vector<std::int64_t>& padding,
                                   std::int64_t prompt_columns);

/// Rotary position minus index of the tokens from a column on, of a sequence that is continued.
/// \throws UsageError for a column inside a picture
std::int64_t shift_at(const std::vector<PictureSpan>& spans, std::int64_t column);

}  // namespace lensbench
