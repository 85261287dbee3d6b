#include "reference.hpp"

#include <filesystem>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <lensbench/random.hpp>
#include <vector>

namespace lensbench::patching {
namespace {

/// FNV-1a over ids.
std::uint64_t hash_of(const Tokens& prompt, std::uint64_t hash = 14695981039346656037ULL) {
  const auto mix = [&](std::int64_t value) {
    hash = (hash ^ static_cast<std::uint64_t>(value)) * 1099511628211ULL;
  };
  mix(prompt.size());
  for (const std::int64_t id : prompt.ids) mix(id);
  return hash;
}

Tokens first_tokens(const Tokens& prompt, std::int64_t count) {
  Tokens first;
  const auto n = static_cast<std::ptrdiff_t>(count);
  first.ids.assign(prompt.ids.begin(), prompt.ids.begin() + n);
  first.texts.assign(prompt.texts.begin(), prompt.texts.begin() + n);
  return first;
}

}  // namespace

void Reference::for_each(const std::function<void(const Tokens&)>& visit) const {
  const auto visit_one = [&](const Tokens& prompt) {
    if (context_.cancelled()) throw RunError("activation_patching: the run was interrupted");
    visit(prompt);
  };
  if (file_.empty()) {
    for (const Tokens& prompt : context_.reference_prompts()) visit_one(prompt);
    return;
  }
  Corpus corpus(context_.model(), file_);
  while (const auto window = corpus.next()) visit_one(window->tokens);
}

void Reference::check_mean() const {
  if (!file_.empty()) return;
  const std::size_t found = context_.reference_prompts().size();
  if (found >= 2) return;
  throw UsageError(
      "activation_patching: source mean averages over reference prompts (found " +
      std::to_string(found) + (found == 1 ? " prompt" : " prompts") +
      " in this run, expected at least 2); give more prompts, a file of them with reference, or "
      "mean_of_prompt");
}

Tokens Reference::draw(const Tokens& prompt) const {
  std::vector<Tokens> candidates;
  for_each([&](const Tokens& other) {
    if (other.size() >= prompt.size() && first_tokens(other, prompt.size()).ids != prompt.ids)
      candidates.push_back(first_tokens(other, prompt.size()));
  });
  if (candidates.empty())
    throw UsageError(
        "activation_patching: source resample needs another reference prompt of at least " +
        std::to_string(prompt.size()) +
        " tokens (found none); give longer prompts, or a file of them with reference");
  Philox random(context_.seed() ^ hash_of(prompt), kStream);
  return candidates[random.below(candidates.size())];
}

std::string Reference::key() const {
  if (!file_.empty()) return "file " + file_;
  std::uint64_t hash = 14695981039346656037ULL;
  for (const Tokens& prompt : context_.reference_prompts()) hash = hash_of(prompt, hash);
  return "cases " + std::to_string(hash);
}

std::string Reference::name() const {
  return file_.empty() ? "cases" : std::filesystem::path(file_).filename().string();
}

}  // namespace lensbench::patching
