#include "bench/shared_forwards.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "model/hooks/read_activations.hpp"

namespace lensbench {
namespace {

/// Most sequences of a case that are cached; a case may use more, for instance to search prompts.
constexpr std::size_t kMostSequences = 8;

std::int64_t bytes_of(const std::map<std::string, at::Tensor>& activations) {
  std::int64_t bytes = 0;
  for (const auto& [name, activation] : activations)
    bytes += static_cast<std::int64_t>(activation.nbytes());
  return bytes;
}

/// True if a name is after the last block, where logits are needed.
bool reads_prediction_head(const std::set<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [](const auto& name) {
    return name.starts_with("ln_final.") || name.starts_with("unembed.");
  });
}

}  // namespace

SharedForwards::SharedForwards(std::shared_ptr<const Model> model, bool share,
                               std::int64_t most_bytes)
    : model_(std::move(model)), share_(share), most_bytes_(most_bytes) {}

/// Names of several tools are joined, so that the first forward of a case serves all.
void SharedForwards::expect(const std::vector<std::string>& globs) {
  expected_.merge(matching(globs));
}

void SharedForwards::begin_case() {
  // A case without requests, such as one that failed immediately, predicts nothing.
  if (!now_.empty()) before_ = std::move(now_);
  now_.clear();
  sequences_.clear();
  begun_ = 0;
}

/// Requests of one case usually repeat: what was asked about the sequence before is read in one
/// forward.
std::map<std::string, at::Tensor> SharedForwards::activations(
    const Tokens& tokens, const std::vector<std::string>& globs) {
  const Names wanted = matching(globs);
  if (!share_) return read(tokens, wanted);
  Sequence& sequence = sequence_of(tokens);
  Names missing;
  std::copy_if(wanted.begin(), wanted.end(), std::inserter(missing, missing.end()),
               [&](const std::string& name) { return !sequence.held.contains(name); });
  if (missing.empty()) {
    ++shared_;
  } else {
    if (sequence.held.empty()) add_foreseen(sequence, missing);
    sequence.held.merge(read(tokens, missing));
  }
  Activations activations;
  // Handles of what is held; copies are made below.
  for (const std::string& name : wanted) activations[name] = sequence.held.at(name);
  if (sequence.index < now_.size()) {
    Asked& asked = now_[sequence.index];
    asked.names.insert(wanted.begin(), wanted.end());
    asked.bytes = std::max(asked.bytes, bytes_of(sequence.held));
  }
  keep_within_bounds(sequence);
  // A tool may write into what it got, also through raw pointers, so it gets copies of what stays
  // here. Activations that were dropped just now are the tool's own.
  if (!sequence.held.empty())
    for (auto& [name, activation] : activations) activation = activation.clone();
  return activations;
}

/// Names, not globs, are the keys: two globs may mean one point.
SharedForwards::Names SharedForwards::matching(const std::vector<std::string>& globs) const {
  Names names;
  for (const std::string& glob : globs)
    for (const HookPoint& point : match_hook_points(model_->spec(), glob)) names.insert(point.name);
  return names;
}

SharedForwards::Activations SharedForwards::read(const Tokens& tokens, const Names& names) {
  ForwardOptions options;
  // The unembedding is the most expensive step of a small model, so it runs only if it is read.
  options.logits =
      reads_prediction_head(names) ? ForwardOptions::Logits::all : ForwardOptions::Logits::none;
  auto activations =
      read_activations(*model_, make_batch(tokens), {names.begin(), names.end()}, options);
  ++forwards_;
  return activations;
}

/// The sequence of these ids, or a new one, which takes the place of the least recently used.
SharedForwards::Sequence& SharedForwards::sequence_of(const Tokens& tokens) {
  ++requests_;
  auto found = std::find_if(sequences_.begin(), sequences_.end(),
                            [&](const Sequence& sequence) { return sequence.ids == tokens.ids; });
  if (found == sequences_.end()) {
    if (sequences_.size() == kMostSequences)
      sequences_.erase(std::min_element(
          sequences_.begin(), sequences_.end(),
          [](const Sequence& a, const Sequence& b) { return a.last_used < b.last_used; }));
    sequences_.push_back({tokens.ids, begun_++});
    found = std::prev(sequences_.end());
    // Only as many sequences predict the next case as are cached.
    if (found->index < kMostSequences) now_.push_back({.length = tokens.size()});
  }
  found->last_used = requests_;
  return *found;
}

// Adds the predicted names, unless their activations exceed the bound and would be dropped at once.
void SharedForwards::add_foreseen(const Sequence& sequence, Names& names) const {
  if (before_.empty()) {
    names.insert(expected_.begin(), expected_.end());
    return;
  }
  if (sequence.index >= before_.size()) return;
  const Asked& asked = before_[sequence.index];
  const double longer =
      std::max(1.0, static_cast<double>(sequence.ids.size()) /
                        static_cast<double>(std::max<std::int64_t>(1, asked.length)));
  // Attention patterns grow with the square of the length; no activation grows faster.
  const double bytes = static_cast<double>(asked.bytes) * longer * longer;
  if (bytes <= static_cast<double>(most_bytes_))
    names.insert(asked.names.begin(), asked.names.end());
}

/// Drops the activations of the least recently used sequences until the bound holds; the latest one
/// only if it exceeds the bound alone.
void SharedForwards::keep_within_bounds(Sequence& latest) {
  std::int64_t total = 0;
  for (const Sequence& sequence : sequences_) total += bytes_of(sequence.held);
  while (total > most_bytes_) {
    Sequence* oldest = &latest;
    for (Sequence& sequence : sequences_)
      if (!sequence.held.empty() && sequence.last_used < oldest->last_used) oldest = &sequence;
    total -= bytes_of(oldest->held);
    oldest->held.clear();
    if (oldest == &latest) return;
  }
}

}  // namespace lensbench
