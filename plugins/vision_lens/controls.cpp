#include "controls.hpp"

#include <ATen/TensorIndexing.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/random.hpp>
#include <numeric>
#include <utility>

#include "common/same_prompt.hpp"

namespace lensbench::vision_lens {
namespace {

/// Consecutive placeholders of one picture.
struct Span {
  std::size_t begin, end;
};

/// Placeholders of each picture, in order.
std::vector<Span> spans_of(const VisionSpec& spec, const Tokens& prompt) {
  std::vector<Span> spans;
  std::size_t at = 0;
  for (const PictureRows& picture : prompt.pictures) {
    while (at < prompt.ids.size() && prompt.ids[at] != spec.image_token_id) ++at;
    const auto count = static_cast<std::size_t>((picture.height / spec.merge_size) *
                                                (picture.width / spec.merge_size));
    spans.push_back({at, std::min(at + count, prompt.ids.size())});
    at = spans.back().end;
  }
  return spans;
}

/// Ids and texts of a sequence that is put together from parts of others.
void append(Tokens& to, const Tokens& from, std::size_t begin, std::size_t end) {
  to.ids.insert(to.ids.end(), from.ids.begin() + static_cast<std::ptrdiff_t>(begin),
                from.ids.begin() + static_cast<std::ptrdiff_t>(end));
  if (from.texts.size() == from.ids.size())
    to.texts.insert(to.texts.end(), from.texts.begin() + static_cast<std::ptrdiff_t>(begin),
                    from.texts.begin() + static_cast<std::ptrdiff_t>(end));
}

/// All pictures of the run from the one after this prompt's on, without this prompt's own.
std::vector<PictureRows> pictures_after(const Tokens& prompt, const std::vector<Tokens>& prompts) {
  const auto is_own = [&](const Tokens& other) { return common::same_prompt(other, prompt); };
  const auto own = std::find_if(prompts.begin(), prompts.end(), is_own);
  const auto start = static_cast<std::size_t>(own == prompts.end() ? 0 : own - prompts.begin());
  std::vector<PictureRows> pictures;
  for (std::size_t i = 1; i <= prompts.size(); ++i)
    for (const PictureRows& picture : prompts[(start + i) % prompts.size()].pictures) {
      const bool known =
          std::any_of(prompt.pictures.begin(), prompt.pictures.end(),
                      [&](const PictureRows& one) { return common::same_picture(one, picture); });
      if (!known) pictures.push_back(picture);
      if (pictures.size() == prompt.pictures.size()) return pictures;
    }
  return pictures;
}

}  // namespace

Tokens without_pictures(const VisionSpec& spec, const Tokens& prompt) {
  Tokens text;
  text.bos_added = prompt.bos_added;
  std::size_t begin = 0;
  for (const Span& span : spans_of(spec, prompt)) {
    const bool opened =
        span.begin > begin && prompt.ids[span.begin - 1] == spec.vision_start_token_id;
    const bool closed =
        span.end < prompt.ids.size() && prompt.ids[span.end] == spec.vision_end_token_id;
    append(text, prompt, begin, span.begin - (opened ? 1 : 0));
    begin = span.end + (closed ? 1 : 0);
  }
  append(text, prompt, begin, prompt.ids.size());
  return text;
}

Tokens with_shuffled_patches(const VisionSpec& spec, const Tokens& prompt, std::uint64_t seed) {
  Tokens shuffled = prompt;
  const std::int64_t group = spec.merge_size * spec.merge_size;
  std::uint64_t stream = 0;
  for (PictureRows& picture : shuffled.pictures) {
    Philox random(seed, stream++);
    std::vector<std::int64_t> order(static_cast<std::size_t>(picture.rows.size(0) / group));
    std::iota(order.begin(), order.end(), 0);
    // Fisher and Yates: each order is equally probable.
    for (std::size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(i))]);
    const at::Tensor rows = picture.rows.view({-1, group, picture.rows.size(1)});
    picture.rows = rows.index_select(0, at::tensor(order, at::kLong)).reshape_as(picture.rows);
  }
  return shuffled;
}

std::optional<Tokens> with_other_pictures(const VisionSpec& spec, const Tokens& prompt,
                                          const std::vector<Tokens>& prompts) {
  std::vector<PictureRows> others = pictures_after(prompt, prompts);
  if (others.size() < prompt.pictures.size()) return std::nullopt;
  Tokens other;
  other.bos_added = prompt.bos_added;
  std::size_t begin = 0;
  const std::vector<Span> spans = spans_of(spec, prompt);
  for (std::size_t i = 0; i < spans.size(); ++i) {
    append(other, prompt, begin, spans[i].begin);
    const std::int64_t count =
        (others[i].height / spec.merge_size) * (others[i].width / spec.merge_size);
    for (std::int64_t k = 0; k < count; ++k)
      append(other, prompt, spans[i].begin, spans[i].begin + 1);
    begin = spans[i].end;
  }
  append(other, prompt, begin, prompt.ids.size());
  other.pictures = std::move(others);
  return other;
}

}  // namespace lensbench::vision_lens
