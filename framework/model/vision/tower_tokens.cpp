#include "model/vision/tower_tokens.hpp"

#include <algorithm>

// A tower costs as much as many blocks of the text model, and its pictures are the same in every
// forward of a prompt.

namespace lensbench {

bool TowerTokens::Source::is(const PictureRows& picture) const {
  return rows.lock().get() == picture.rows.unsafeGetTensorImpl() && frames == picture.frames &&
         height == picture.height && width == picture.width;
}

at::Tensor TowerTokens::find(const std::vector<PictureRows>& pictures) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(known_, [](const Known& one) {
    return std::any_of(one.pictures.begin(), one.pictures.end(),
                       [](const Source& picture) { return picture.rows.expired(); });
  });
  const auto found = std::find_if(known_.begin(), known_.end(), [&](const Known& one) {
    return std::equal(
        one.pictures.begin(), one.pictures.end(), pictures.begin(), pictures.end(),
        [](const Source& known, const PictureRows& picture) { return known.is(picture); });
  });
  if (found == known_.end()) return {};
  std::rotate(found, found + 1, known_.end());
  return known_.back().tokens;
}

void TowerTokens::keep(const std::vector<PictureRows>& pictures, const at::Tensor& tokens) {
  const std::scoped_lock lock(mutex_);
  Known one{{}, tokens};
  one.pictures.reserve(pictures.size());
  for (const PictureRows& picture : pictures)
    one.pictures.push_back(
        {Rows(picture.rows.getIntrusivePtr()), picture.frames, picture.height, picture.width});
  known_.push_back(std::move(one));
  std::int64_t bytes = 0;
  for (const Known& each : known_) bytes += static_cast<std::int64_t>(each.tokens.nbytes());
  while (bytes > most_bytes_ && !known_.empty()) {
    bytes -= static_cast<std::int64_t>(known_.front().tokens.nbytes());
    known_.erase(known_.begin());
  }
}

/// Two threads that ask at once may both run the tower, to the same bits.
at::Tensor TowerTokens::of(const std::vector<PictureRows>& pictures,
                           const std::function<at::Tensor()>& run) {
  if (at::Tensor known = find(pictures); known.defined()) return known;
  at::Tensor tokens = run();
  keep(pictures, tokens);
  return tokens;
}

}  // namespace lensbench
