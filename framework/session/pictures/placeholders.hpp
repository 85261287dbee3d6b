#pragma once

#include <cstdint>
#include <lensbench/spec.hpp>
#include <lensbench/tokens.hpp>
#include <string>
#include <vector>

#include "vision/rows/patch_grid.hpp"

namespace lensbench {

/// Checks that a text has exactly one placeholder for each picture, each between the tokens that
/// begin and end a picture.
/// \param ids      of the text, with one placeholder for each picture
/// \param grids    of the pictures, in order
/// \param subject  for messages: `case 'prompt-1'`
/// \throws UsageError that says what disagrees
void check_placeholders(const VisionSpec& spec, const std::vector<std::int64_t>& ids,
                        const std::vector<vision::PatchGrid>& grids, const std::string& subject);

/// Number of the token of the text that each token of the expanded prompt repeats: a placeholder
/// stands for all tokens of its picture, every other token for itself.
std::vector<std::size_t> expanded_tokens(const VisionSpec& spec,
                                         const std::vector<std::int64_t>& ids,
                                         const std::vector<vision::PatchGrid>& grids);

/// Whether the ids have a placeholder of a picture or a video.
bool has_placeholder(const VisionSpec& spec, const std::vector<std::int64_t>& ids);

}  // namespace lensbench
