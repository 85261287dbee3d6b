#include <cstdint>
#include <filesystem>
#include <lensbench/corpus.hpp>
#include <lensbench/error.hpp>
#include <lensbench/reference_prompts.hpp>
#include <utility>

#include "bench/input/recorded_files.hpp"

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

/// The mean over one prompt would be that of the prompt itself. A file is read once, which also
/// finds its faults before the first forward.
void ReferencePrompts::check_mean(const std::string& subject) const {
  std::size_t found = 0;
  if (file_.empty())
    found = context_.reference_prompts().size();
  else
    for_each([&](const Tokens&) { ++found; });
  if (found >= 2) return;
  throw UsageError(subject + " averages over reference prompts (found " + std::to_string(found) +
                   (found == 1 ? " prompt" : " prompts") + " in " +
                   (file_.empty() ? "this run" : name()) +
                   ", expected at least 2); give more prompts, a file of them with reference, or "
                   "mean_of_prompt");
}

/// Key under which tools keep their means: equal keys mean equal prompts.
std::string ReferencePrompts::key() const {
  // By its content, since what was computed from it may be kept longer than the file is unchanged.
  if (const NamedFile named = named_file(file_); !named.path.empty())
    return "file " + context_.file_digest(named.path);
  if (!file_.empty()) return file_;
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
