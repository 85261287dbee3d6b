#pragma once

// Random sequences that repeat themselves, on which induction heads show: after a token, the model
// can only know the next one by looking at what followed the earlier copy.

#include <algorithm>
#include <cstdint>
#include <lensbench/error.hpp>
#include <lensbench/model.hpp>
#include <lensbench/random.hpp>
#include <lensbench/tokens.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace common {

/// Form of a repeated sequence.
struct RepeatedForm {
  std::int64_t length = 25;                          ///< tokens that are repeated
  std::int64_t repeats = 2;                          ///< copies, at least 2
  std::optional<std::int64_t> start = std::nullopt;  ///< token before the first copy
};

/// Token that a sequence starts with: a given one, or for `bos` the tokenizer's; empty for `none`
/// and where the tokenizer lacks one.
inline std::optional<std::int64_t> start_token(const lensbench::Model& model,
                                               const std::string& start) {
  if (start == "none") return std::nullopt;
  const auto tokenizer = model.tokenizer();
  if (start == "bos") return tokenizer == nullptr ? std::nullopt : tokenizer->bos_id();
  return lensbench::parse_token(tokenizer.get(), start, model.spec().vocab_size);
}

/// Ids of the vocabulary that are not special tokens.
inline std::vector<std::int64_t> ordinary_ids(const lensbench::Model& model) {
  const auto tokenizer = model.tokenizer();
  const std::int64_t known = tokenizer == nullptr ? model.spec().vocab_size : tokenizer->size();
  std::vector<std::int64_t> ids;
  for (std::int64_t id = 0; id < std::min(known, model.spec().vocab_size); ++id)
    if (tokenizer == nullptr || !tokenizer->is_special(id)) ids.push_back(id);
  return ids;
}

/// The first `count` entries of a random order of `items`.
template <class Item>
std::vector<Item> drawn_without_replacement(std::vector<Item> items, std::int64_t count,
                                            lensbench::Philox& random) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
    std::swap(items[i], items[i + random.below(items.size() - i)]);
  items.resize(static_cast<std::size_t>(count));
  return items;
}

/// \throws UsageError if the vocabulary or the positions of the model do not suffice for the form
inline void check_form(const lensbench::Model& model, const RepeatedForm& form) {
  const std::int64_t known = std::ssize(ordinary_ids(model));
  if (form.length > known)
    throw lensbench::UsageError("length: found " + std::to_string(form.length) +
                                " different tokens, but the vocabulary has " +
                                std::to_string(known) +
                                " that are not special; give a smaller length");
  const std::int64_t size = form.length * form.repeats + (form.start ? 1 : 0);
  if (size > lensbench::position_limit(model.spec()))
    throw lensbench::UsageError(
        "length: " + std::to_string(form.repeats) + " copies of " + std::to_string(form.length) +
        " tokens need " + std::to_string(size) + " positions, but the model has " +
        std::to_string(lensbench::position_limit(model.spec())) + "; give a smaller length");
}

/// Ids of different ordinary tokens in uniformly random order. \throws UsageError as `check_form`
inline std::vector<std::int64_t> random_tokens(const lensbench::Model& model,
                                               const RepeatedForm& form,
                                               lensbench::Philox& random) {
  check_form(model, form);
  return drawn_without_replacement(ordinary_ids(model), form.length, random);
}

/// Sequence of a form, with `once` as its first copy.
inline std::vector<std::int64_t> repeated(const std::vector<std::int64_t>& once,
                                          const RepeatedForm& form) {
  std::vector<std::int64_t> ids;
  if (form.start) ids.push_back(*form.start);
  for (std::int64_t copy = 0; copy < form.repeats; ++copy)
    ids.insert(ids.end(), once.begin(), once.end());
  return ids;
}

}  // namespace common
