#include <cstdint>
#include <filesystem>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <lensbench/reference_prompts.hpp>
#include <utility>

namespace lensbench {

ReferencePrompts::ReferencePrompts(const Context& context, std::string file)
    : context_(context), file_(std::move(file)) {}

/// File and cases look alike to the tools; each prompt is a chance to stop an interrupted run.
void ReferencePrompts::for_each(const std::function<void(const Tokens&)>& visit) const {
  const auto visit_one = [&](const Tokens& prompt) {
    if (context_.cancelled()) throw RunError("the run was interrupted");
    visit(prompt);
  };
  if (file_.empty()) {
    for (const Tokens& prompt : context_.reference_prompts()) visit_one(prompt);
    return;
  }
  Corpus corpus(context_.model(), file_);
  while (const auto window = corpus.next()) visit_one(window->tokens);
}

/// Fewer than two prompts of the run would make the mean that of the prompt itself; a file is read
/// once to find its faults before the first forward.
void ReferencePrompts::check_mean(const std::string& subject) const {
  if (!file_.empty()) return for_each([](const Tokens&) {});
  const std::size_t found = context_.reference_prompts().size();
  if (found >= 2) return;
  throw UsageError(subject + " averages over reference prompts (found " + std::to_string(found) +
                   (found == 1 ? " prompt" : " prompts") +
                   " in this run, expected at least 2); give more prompts, a file of them with "
                   "reference, or mean_of_prompt");
}

/// Key under which tools keep their means: equal keys mean equal prompts.
std::string ReferencePrompts::key() const {
  if (!file_.empty()) return "file " + file_;
  // FNV-1a over the ids.
  std::uint64_t hash = 14695981039346656037ULL;
  const auto mix = [&](std::int64_t value) {
    hash = (hash ^ static_cast<std::uint64_t>(value)) * 1099511628211ULL;
  };
  for (const Tokens& prompt : context_.reference_prompts()) {
    mix(prompt.size());
    for (const std::int64_t id : prompt.ids) mix(id);
  }
  return "cases " + std::to_string(hash);
}

void ReferencePrompts::describe(Dataset& result) const {
  result.attributes["reference"] = name();
  context_.record_file(result, "reference", file_);
}

std::string ReferencePrompts::name() const {
  return file_.empty() ? "cases" : std::filesystem::path(file_).filename().string();
}

}  // namespace lensbench
