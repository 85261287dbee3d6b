#include <ATen/ops/tensor.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <lensbench/generation.hpp>
#include <string>

#include "model/forward/rope.hpp"
#include "model/intervention/changes_generated.hpp"

namespace lensbench {
namespace {

void check_length(const Model& model, const Tokens& prompt, const GenerationOptions& options) {
  if (options.max_new_tokens < 0)
    throw UsageError("generation: max_new_tokens must not be negative");
  const std::int64_t limit = position_limit(model.spec());
  if (prompt.size() > limit)
    throw InputError("generation: a prompt of " + std::to_string(prompt.size()) +
                     " tokens is longer than the " + std::to_string(limit) +
                     " positions of this model; shorten it");
  // The last new token is not run.
  const std::int64_t needed = prompt.size() + std::max<std::int64_t>(0, options.max_new_tokens - 1);
  if (needed > limit)
    throw UsageError("generation: a prompt of " + std::to_string(prompt.size()) + " tokens and " +
                     std::to_string(options.max_new_tokens) + " new ones need " +
                     std::to_string(needed) + " positions, but the model has " +
                     std::to_string(limit) + "; generate fewer tokens");
}

/// Logits at the end of a growing sequence, with a cache or from the whole sequence at each step.
class NextLogits {
 public:
  NextLogits(const Model& model, const Tokens& prompt, bool use_cache, const Hooks& hooks)
      : model_(model),
        hooks_(hooks),
        use_cache_(use_cache),
        prompt_length_(prompt.size()),
        ids_(prompt.ids),
        pictures_(prompt.pictures) {}

  at::Tensor operator()() {
    ForwardOptions options;
    options.logits = ForwardOptions::Logits::last;
    options.prompt_length = prompt_length_;
    if (use_cache_) options.cache = &cache_;
    const auto& rope = model_.spec().rope;
    const auto length = static_cast<std::int64_t>(ids_.size());
    // Rotary scaling that depends on the length makes the cached keys wrong: a new cache starts
    // then.
    if (rope && outgrows_cache(*rope, cache_.length(), length)) cache_ = KeyValueCache();
    // The whole prompt in the first step, one token later; everything again without a cache.
    const std::vector<std::int64_t> pending(ids_.begin() + cache_.length(), ids_.end());
    TokenBatch batch{at::tensor(pending, at::kLong).unsqueeze(0), {}};
    // The pictures of the prompt are in the cache after the first step.
    if (cache_.length() == 0 && !pictures_.empty()) batch.pictures = {pictures_};
    return model_.forward(batch, options, hooks_).logits[0][0];
  }
  void push(std::int64_t id) { ids_.push_back(id); }

 private:
  const Model& model_;
  const Hooks& hooks_;
  bool use_cache_;
  std::int64_t prompt_length_;
  KeyValueCache cache_;
  std::vector<std::int64_t> ids_;  ///< prompt and generated tokens
  std::vector<PictureRows> pictures_;
};

}  // namespace

/// Greedy or sampled continuation. Random numbers come from Philox and the seed alone, so the
/// tokens do not depend on threads, and a stopped run gives a beginning of the longer one.
std::vector<std::int64_t> generate(const Model& model, const Tokens& prompt,
                                   const GenerationOptions& options, const GenerationStep& on_step,
                                   const Hooks& hooks) {
  if (!model.spec().attention.causal)
    throw UsageError("generation: '" + model.spec().family +
                     "' is a masked-language model, which sees the whole text at once; use a "
                     "causal model");
  if (prompt.ids.empty()) throw UsageError("generation: the prompt must have at least one token");
  check_length(model, prompt, options);
  const std::vector<std::int64_t> ends = model.end_of_sequence_ids();
  NextLogits next(model, prompt, options.use_cache, hooks);
  Philox random(options.sampling.seed);
  std::vector<std::int64_t> generated;
  for (std::int64_t step = 0; step < options.max_new_tokens; ++step) {
    const at::Tensor logits = next();
    const std::int64_t chosen = choose_token(logits, options.sampling, random);
    generated.push_back(chosen);
    if (on_step) on_step(step, logits, chosen);
    const bool ended = std::find(ends.begin(), ends.end(), chosen) != ends.end();
    if (ended && options.stop_at_end_of_sequence) break;
    next.push(chosen);
  }
  const auto made = static_cast<std::int64_t>(generated.size());
  if (made == 0) return generated;
  const std::int64_t run = prompt.size() + made - 1;  // the last token was not run
  model.check_reached(run);
  if (const auto* changes = dynamic_cast<const ChangesGenerated*>(&model))
    changes->check_generated(prompt.size(), run);
  return generated;
}

}  // namespace lensbench
