#include "checkpoint/tokenizer/models/vocabulary.hpp"

#include <algorithm>
#include <bit>
#include <functional>

// Hash table of tokens with open addressing. Slots have only ids, and tokens are compared in the
// table by id: each token is stored once, and a vocabulary of 256,000 tokens is built without an
// allocation for each.

namespace lensbench {

/// At most half of the slots are used, so that a search ends after few steps.
Vocabulary::Vocabulary(std::size_t expected)
    : slots_(std::bit_ceil(std::max<std::size_t>(16, expected * 2))),
      largest_id_(largest_id(expected)) {
  tokens_.reserve(expected);
}

/// Vocabularies with holes exist, so the limit is generous; it only prevents tables out of
/// proportion to the file.
std::int64_t Vocabulary::largest_id(std::size_t count) {
  return static_cast<std::int64_t>(count) * 8 + (1 << 20);
}

Vocabulary::Fault Vocabulary::add(std::string token, std::int64_t id) {
  if (id < 0 || id > largest_id_) return Fault::id_out_of_range;
  if (has(id)) return Fault::duplicate_id;
  const std::size_t slot = slot_of(token);
  if (slots_[slot] != 0) return Fault::duplicate_token;
  const auto index = static_cast<std::size_t>(id);
  if (index >= tokens_.size()) {
    tokens_.resize(index + 1);
    present_.resize(index + 1);
  }
  tokens_[index] = std::move(token);
  present_[index] = true;
  slots_[slot] = static_cast<std::uint32_t>(index + 1);
  // Doubled before it is more than half full.
  if (++count_ * 2 > slots_.size()) grow();
  return Fault::none;
}

std::optional<std::int64_t> Vocabulary::id_of(std::string_view token) const {
  const std::uint32_t entry = slots_[slot_of(token)];
  if (entry == 0) return std::nullopt;
  return entry - 1;
}

bool Vocabulary::has(std::int64_t id) const {
  return id >= 0 && id < end_id() && present_[static_cast<std::size_t>(id)];
}

std::string_view Vocabulary::token_of(std::int64_t id) const {
  return has(id) ? std::string_view(tokens_[static_cast<std::size_t>(id)]) : std::string_view();
}

/// Slot of a token, or the empty one where it belongs. The search ends, because the table is never
/// full.
std::size_t Vocabulary::slot_of(std::string_view token) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<std::string_view>{}(token)&mask;
  while (slots_[slot] != 0 && tokens_[slots_[slot] - 1] != token) slot = (slot + 1) & mask;
  return slot;
}

void Vocabulary::grow() {
  slots_.assign(slots_.size() * 2, 0);
  for (std::size_t id = 0; id < tokens_.size(); ++id)
    if (present_[id]) slots_[slot_of(tokens_[id])] = static_cast<std::uint32_t>(id + 1);
}

}  // namespace lensbench
