#include "bench/shared_forwards.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

#include "model/hooks/hook_points.hpp"
#include "model/hooks/read_activations.hpp"
#include "model/hooks/read_in_step.hpp"

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

/// One sequence of an activation of a batch, as a forward of it alone would give it.
at::Tensor part_of(const at::Tensor& activation, const HookPoint& point, std::int64_t row,
                   std::int64_t length) {
  const std::string& axis = point.dims.front();
  // The router of a mixture has one row for each token of the batch; positions and the like may be
  // without a batch axis.
  const at::Tensor own = axis == "batch"       ? activation.narrow(0, row, 1)
                         : axis == "batch_pos" ? activation.narrow(0, row * length, length)
                                               : activation;
  // A copy, so that the other sequences can be freed.
  return own.clone(at::MemoryFormat::Contiguous);
}

/// Length of an axis of an activation of one sequence.
std::int64_t axis_length(const TransformerSpec& spec, const std::string& axis,
                         std::int64_t length) {
  if (axis == "batch" || axis == "one") return 1;
  if (axis.ends_with("pos")) return length;
  if (axis == "head") return spec.attention.n_heads;
  if (axis == "kv_head") return spec.attention.n_key_value_heads;
  if (axis == "d_head") return spec.attention.d_head;
  if (axis == "d_value") return spec.d_value();
  if (axis == "d_mlp") return spec.mlp.d_mlp;
  if (axis == "d_dense_mlp") return spec.d_dense_mlp;
  if (axis == "vocab") return spec.vocab_size;
  // The others are about as wide as the stream, or smaller.
  return spec.d_model;
}

/// The unembedding is the most expensive step of a small model, so it runs only if a name after the
/// last block is read.
ForwardOptions::Logits logits_for(const std::set<std::string>& names) {
  const bool reads = std::any_of(names.begin(), names.end(), [](const auto& name) {
    return name.starts_with("ln_final.") || name.starts_with("unembed.");
  });
  return reads ? ForwardOptions::Logits::all : ForwardOptions::Logits::none;
}

bool is_same_picture(const PictureRows& a, const PictureRows& b) {
  return a.frames == b.frames && a.height == b.height && a.width == b.width &&
         a.seconds == b.seconds && a.rows.equal(b.rows);
}

/// Placeholders of different pictures have the same ids.
bool is_same_prompt(const Tokens& a, const Tokens& b) {
  return a.ids == b.ids && std::equal(a.pictures.begin(), a.pictures.end(), b.pictures.begin(),
                                      b.pictures.end(), is_same_picture);
}

}  // namespace

SharedForwards::SharedForwards(std::shared_ptr<const Model> model, bool share,
                               std::int64_t most_bytes)
    : model_(std::move(model)),
      share_(share),
      most_bytes_(most_bytes),
      points_(hook_points(model_->spec())) {}

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
std::map<std::string, at::Tensor> SharedForwards::activations(const Tokens& tokens,
                                                              const std::vector<std::string>& globs,
                                                              const CaseBatch* batch) {
  const Names wanted = matching(globs);
  set_batch(batch);
  // Sequences are compared by their ids, which are the same for different pictures.
  if (!share_ || !tokens.pictures.empty()) return read(tokens, wanted);
  Sequence& sequence = sequence_of(tokens);
  Names missing;
  std::copy_if(wanted.begin(), wanted.end(), std::inserter(missing, missing.end()),
               [&](const std::string& name) { return !sequence.held.contains(name); });
  if (missing.empty()) {
    ++shared_;
  } else {
    if (sequence.held.empty()) add_foreseen(sequence, missing);
    // A text does not reach what was foreseen for pictures.
    std::erase_if(missing, [&](const std::string& name) {
      return is_of_tower(name) && !wanted.contains(name);
    });
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
SharedForwards::Names SharedForwards::matching(const std::vector<std::string>& globs) {
  // Tools ask for the same points in each case; a match compares with all points of the model.
  constexpr std::size_t kMostLists = 64;
  const auto found = matched_.find(globs);
  if (found != matched_.end()) return found->second;
  Names names;
  for (const std::string& glob : globs)
    for (const HookPoint& point : match_hook_points(model_->spec(), glob)) names.insert(point.name);
  if (matched_.size() >= kMostLists) matched_.clear();
  matched_[globs] = names;
  return names;
}

/// The prompts of a batch are copied once, when its first case asks for an activation.
void SharedForwards::set_batch(const CaseBatch* batch) {
  const std::int64_t number = batch == nullptr ? -1 : batch->number;
  if (number == batch_number_) return;
  batch_number_ = number;
  batch_.clear();
  stepped_.reset();
  if (batch == nullptr) return;
  in_step_ = batch->in_step;
  // Without sharing nothing is kept from one request to the next.
  if (in_step_ && !share_) return;
  batch_.reserve(batch->sequences.size());
  for (const Tokens& tokens : batch->sequences) batch_.push_back({tokens});
}

SharedForwards::Activations SharedForwards::read(const Tokens& tokens, const Names& names) {
  const auto is_meant = [&](const Member& one) { return is_same_prompt(one.tokens, tokens); };
  auto member = std::find_if(batch_.begin(), batch_.end(), is_meant);
  if (member == batch_.end()) return run({tokens}, names).front();
  if (in_step_) return read_in_step(*member, names);
  // The products of single heads are so small that their bits depend on the number of rows, and a
  // vision tower has the pictures of all rows in one sequence.
  Names together, alone;
  for (const std::string& name : names)
    (name.ends_with(".hook_result") || is_of_tower(name) ? alone : together).insert(name);
  if (!alone.empty()) {
    Activations activations = run({tokens}, alone).front();
    if (!together.empty()) activations.merge(read(tokens, together));
    return activations;
  }
  // Equal prompts are equal members, of which one may have been taken already.
  const auto has_values = [&](const Member& one) { return is_meant(one) && !one.held.empty(); };
  const auto full = std::find_if(member, batch_.end(), has_values);
  if (full != batch_.end()) member = full;
  return read_in_batch(static_cast<std::size_t>(member - batch_.begin()), names);
}

/// What the batch lacks of a prompt is read for all its prompts, then each takes its own part.
SharedForwards::Activations SharedForwards::read_in_batch(std::size_t member, const Names& names) {
  Activations& held = batch_[member].held;
  Names missing;
  std::copy_if(names.begin(), names.end(), std::inserter(missing, missing.end()),
               [&](const std::string& name) { return !held.contains(name); });
  if (!missing.empty()) {
    std::vector<Activations> read = run_batch(missing);
    // A prompt has the same bits alone.
    if (read.empty()) return run({batch_[member].tokens}, names).front();
    for (std::size_t row = 0; row < batch_.size(); ++row)
      // Without sharing nothing is kept.
      if (share_ || row == member) batch_[row].held.merge(read[row]);
  }
  Activations own;
  for (const std::string& name : names) own.insert(held.extract(name));
  return own;
}

/// Bytes of activations of a whole batch, in float32.
double SharedForwards::expected_bytes(const Names& names) const {
  double elements = 0;
  for (const Member& member : batch_)
    for (const HookPoint& point : points_) {
      if (!names.contains(point.name)) continue;
      double one = 1;
      for (const std::string& axis : point.dims)
        one *= static_cast<double>(axis_length(model_->spec(), axis, member.tokens.size()));
      elements += one;
    }
  return 4 * elements;
}

/// The first request reads its names for all prompts of the batch, each of which is handed out
/// once.
SharedForwards::Activations SharedForwards::read_in_step(Member& member, const Names& names) {
  if (!stepped_) run_in_step(names);
  const bool all = *stepped_ == names;
  // An activation of a tower may have several parts, with names of their own.
  const bool some =
      std::ranges::includes(*stepped_, names) && !std::ranges::any_of(names, is_of_tower);
  if (!member.ready || !(all || some)) return run({member.tokens}, names).front();
  member.ready = false;
  Activations held = std::exchange(member.held, {});
  if (!all) std::erase_if(held, [&](const auto& one) { return !names.contains(one.first); });
  return held;
}

void SharedForwards::run_in_step(const Names& names) {
  stepped_ = names;
  if (expected_bytes(names) > static_cast<double>(most_bytes_)) return;
  std::vector<TokenBatch> sequences;
  sequences.reserve(batch_.size());
  for (const Member& member : batch_) sequences.push_back(make_batch(member.tokens));
  try {
    auto all = read_activations_in_step(*model_, sequences, {names.begin(), names.end()},
                                        logits_for(names));
    forwards_ += std::ssize(batch_);
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      batch_[i].held = std::move(all[i]);
      batch_[i].ready = true;
    }
  } catch (const std::exception&) {
    // The prompt that is wrong, or needs more memory than there is, fails alone.
  }
}

/// Activations of each prompt of the batch; empty if the prompt has to run alone, because the
/// activations of all are too large, or the batch cannot run.
std::vector<SharedForwards::Activations> SharedForwards::run_batch(const Names& names) {
  if (expected_bytes(names) > static_cast<double>(most_bytes_)) return {};
  std::vector<Tokens> sequences;
  sequences.reserve(batch_.size());
  for (const Member& one : batch_) sequences.push_back(one.tokens);
  try {
    return run(sequences, names);
  } catch (const std::exception&) {
    // The prompt that is wrong, or needs more memory than there is, fails alone.
    return {};
  }
}

/// Activations of each sequence, all of one length, from one forward.
std::vector<SharedForwards::Activations> SharedForwards::run(const std::vector<Tokens>& sequences,
                                                             const Names& names) {
  ForwardOptions options;
  options.logits = logits_for(names);
  std::vector<Activations> each(sequences.size());
  const TokenBatch tokens = make_batch(sequences);
  Activations all = read_activations(*model_, tokens, {names.begin(), names.end()}, options);
  ++forwards_;
  if (tokens.batch_size() == 1) return {std::move(all)};
  for (const HookPoint& point : points_) {
    const auto found = all.find(point.name);
    if (found == all.end()) continue;
    for (std::size_t row = 0; row < each.size(); ++row)
      each[row][point.name] =
          part_of(found->second, point, static_cast<std::int64_t>(row), tokens.length());
    all.erase(found);  // before the parts of the next one are made
  }
  return each;
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
