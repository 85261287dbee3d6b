#pragma once

#include <lensbench/dataset.hpp>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <vector>

#include "session/pictures/picture_store.hpp"

namespace lensbench {

/// Result `picture_tokens` of a case: for every token of a picture its place in the prompt, its row
/// and column, and its rectangle in the upright picture.
/// \param prompt    with a placeholder for each token of a picture
/// \param pictures  in the order of their placeholders
Dataset picture_tokens_of(const VisionSpec& spec, const Tokens& prompt,
                          const std::vector<const PictureFile*>& pictures);

}  // namespace lensbench
