#include "reference.hpp"

#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "common/same_prompt.hpp"

namespace lensbench::patching {
namespace {

/// FNV-1a over the length and the ids. It decides the drawn prompt, so it must not depend on the
/// platform.
std::uint64_t hash_of(const Tokens& prompt) {
  std::uint64_t hash = 14695981039346656037ULL;
  const auto mix = [&](std::int64_t value) {
    hash = (hash ^ static_cast<std::uint64_t>(value)) * 1099511628211ULL;
  };
  mix(prompt.size());
  for (const std::int64_t id : prompt.ids) mix(id);
  return hash;
}

/// The first tokens of a prompt; empty for one that is too short, or has pictures that would be cut
/// off.
std::optional<Tokens> first_tokens(const Tokens& prompt, std::int64_t count) {
  if (prompt.size() < count) return std::nullopt;
  if (prompt.size() == count) return prompt;
  if (!prompt.pictures.empty()) return std::nullopt;
  Tokens first;
  const auto n = static_cast<std::ptrdiff_t>(count);
  first.ids.assign(prompt.ids.begin(), prompt.ids.begin() + n);
  first.texts.assign(prompt.texts.begin(), prompt.texts.begin() + n);
  return first;
}

}  // namespace

/// Candidates keep the order of the reference prompts, and the number depends on seed and prompt
/// alone: a case draws the same prompt whether it runs alone or among others.
Drawn draw(const Context& context, const ReferencePrompts& reference, const Tokens& prompt) {
  std::vector<Tokens> candidates;
  reference.for_each([&](const Tokens& other) {
    std::optional<Tokens> first = first_tokens(other, prompt.size());
    // The prompt itself is not a candidate.
    if (first && !common::same_prompt(*first, prompt)) candidates.push_back(std::move(*first));
  });
  if (candidates.empty())
    throw UsageError(
        "activation_patching: source resample needs another reference prompt of at least " +
        std::to_string(prompt.size()) +
        " tokens (found none); give longer prompts, or a file of them with reference");
  Philox random(context.seed() ^ hash_of(prompt), kDrawStream);
  Drawn drawn{candidates[random.below(candidates.size())], std::nullopt};
  // Reference prompts may begin alike, and a control of the same tokens would be no other draw.
  std::erase_if(candidates,
                [&](const Tokens& one) { return common::same_prompt(one, drawn.source); });
  if (!candidates.empty()) drawn.control = candidates[random.below(candidates.size())];
  return drawn;
}

}  // namespace lensbench::patching
