#include "session/pictures/placeholders.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

namespace lensbench {
namespace {

/// Tokens of each picture, for messages: `24 (3 x 8)`.
std::string described(const VisionSpec& spec, const std::vector<vision::PatchGrid>& grids) {
  std::string text;
  for (const vision::PatchGrid& grid : grids)
    text += (text.empty() ? "" : ", ") + std::to_string(grid.tokens(spec.merge_size)) + " (" +
            std::to_string(grid.height / spec.merge_size) + " x " +
            std::to_string(grid.width / spec.merge_size) + ")";
  return text;
}

bool is_between(const VisionSpec& spec, const std::vector<std::int64_t>& ids, std::size_t at) {
  return at > 0 && ids[at - 1] == spec.vision_start_token_id && at + 1 < ids.size() &&
         ids[at + 1] == spec.vision_end_token_id;
}

}  // namespace

void check_placeholders(const VisionSpec& spec, const std::vector<std::int64_t>& ids,
                        const std::vector<vision::PatchGrid>& grids, const std::string& subject) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] == spec.video_token_id)
      throw UsageError(subject + ": token " + std::to_string(i) +
                       " of the text is the placeholder of a video, and videos are not supported; "
                       "leave it out");
    if (ids[i] != spec.image_token_id) continue;
    ++found;
    if (!is_between(spec, ids, i))
      throw UsageError(subject + ": the placeholder of a picture at token " + std::to_string(i) +
                       " of the text has other neighbours than the tokens that begin and end a "
                       "picture; write <|vision_start|><|image_pad|><|vision_end|>");
  }
  if (found == grids.size()) return;
  throw UsageError(subject + ": the text has " + std::to_string(found) +
                   (found == 1 ? " placeholder" : " placeholders") + " of pictures, but " +
                   std::to_string(grids.size()) + (grids.size() == 1 ? " picture" : " pictures") +
                   (grids.empty() ? "" : " of " + described(spec, grids) + " tokens") +
                   (grids.size() == 1 ? " is" : " are") +
                   " given; give one placeholder for each picture");
}

std::vector<std::size_t> expanded_tokens(const VisionSpec& spec,
                                         const std::vector<std::int64_t>& ids,
                                         const std::vector<vision::PatchGrid>& grids) {
  std::vector<std::size_t> sources;
  std::size_t picture = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool is_picture = ids[i] == spec.image_token_id && picture < grids.size();
    const std::int64_t count = is_picture ? grids[picture++].tokens(spec.merge_size) : 1;
    sources.insert(sources.end(), static_cast<std::size_t>(count), i);
  }
  return sources;
}

bool has_placeholder(const VisionSpec& spec, const std::vector<std::int64_t>& ids) {
  return std::any_of(ids.begin(), ids.end(), [&](std::int64_t id) {
    return id == spec.image_token_id || id == spec.video_token_id;
  });
}

}  // namespace lensbench
