#include "bench/input/case_batches.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <filesystem>
#include <lensbench/error.hpp>
#include <map>

#include "bench/case_input.hpp"
#include "bench/input/picture_prompts.hpp"
#include "core/available_memory.hpp"
#include "model/forward/row_bits.hpp"

namespace lensbench {
namespace {

namespace fs = std::filesystem;

/// Most cases of a batch: products of so many short prompts reach the speed of long ones.
constexpr std::int64_t kMostCases = 32;

/// Cases among which those of equal length are sought. A run that is interrupted has lost no more
/// than the order of so many cases.
constexpr std::int64_t kWindow = 256;

/// Tokens of a case; 0 if it fails when it runs, or has pictures.
std::int64_t length_of(const CaseInput& input, const Context& context) {
  // The rows of the pictures of many cases would need much memory at once.
  if (picture_prompts_of(context.model(), input.id) != nullptr) return 0;
  try {
    const std::int64_t length = tokens_of(input, context).size();
    return length <= position_limit(context.model().spec()) ? length : 0;
  } catch (const Error&) {
    return 0;
  }
}

/// Bounds of a group in step: its prompts are held at once, with the pixels of their pictures.
constexpr std::int64_t kMostInStep = 16, kMostTokensInStep = 8192, kMostPatchesInStep = 16384;

struct PromptSize {
  std::int64_t tokens = 0, patches = 0;
};

/// Size of the prompt of a case; no tokens if the case fails when it runs.
PromptSize size_of(const CaseInput& input, const Context& context) {
  const TransformerSpec& spec = context.model().spec();
  try {
    const auto* pictures = picture_prompts_of(context.model(), input.id);
    if (pictures == nullptr) return {tokens_of(input, context).size(), 0};
    const Tokens& tokens = pictures->prompt(input.id);
    const auto placeholders =
        std::count(tokens.ids.begin(), tokens.ids.end(), spec.vision->image_token_id);
    return {tokens.size(), placeholders * spec.vision->patches_of_token()};
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

std::vector<std::vector<std::int64_t>> groups_in_step(const std::vector<CaseInput>& cases,
                                                      const Context& context) {
  std::vector<std::vector<std::int64_t>> groups;
  PromptSize sum;
  for (std::int64_t i = 0; i < std::ssize(cases); ++i) {
    const PromptSize size = size_of(cases[static_cast<std::size_t>(i)], context);
    sum = {sum.tokens + size.tokens, sum.patches + size.patches};
    const bool full = groups.empty() || std::ssize(groups.back()) == kMostInStep ||
                      sum.tokens > kMostTokensInStep || sum.patches > kMostPatchesInStep;
    // A case that fails when it runs is alone, so that it fails alone.
    if (full || size.tokens == 0) {
      groups.emplace_back();
      sum = size;
    }
    groups.back().push_back(i);
    if (size.tokens == 0) sum.tokens = kMostTokensInStep;
  }
  return groups;
}

bool exceeds_memory(const Model& model) {
  double bytes = 0;
  std::error_code error;
  for (const ModelFile& file : model.files())
    if (file.role == "weights") bytes += static_cast<double>(fs::file_size(file.path, error));
  return !error && bytes > available_memory();
}

/// Fewest tokens of a case that runs in a batch: a product of one row, or of a few rows of
/// half-precision weights, is a loop of its own.
std::int64_t fewest_tokens(const Model& model) {
  const at::ScalarType type = model.unembedding().weight.scalar_type();
  return type == at::kFloat ? 2 : type == at::kDouble ? std::int64_t{1} << 62 : 5;
}

bool can_run_in_batches(const TransformerSpec& spec) {
  // Vectorised functions leave a rest that is not a multiple of this to other code.
  constexpr std::int64_t kVector = 32;
  return spec.mlp.n_experts == 0 && !spec.latent && !spec.masked_language_model &&
         spec.d_embedding == 0 && spec.mlp.d_mlp % kVector == 0 &&
         spec.attention.score_softcap == 0 && spec.logit_softcap == 0;
}

std::vector<std::vector<std::int64_t>> form_batches(const std::vector<std::int64_t>& lengths,
                                                    std::int64_t most_columns) {
  std::vector<std::vector<std::int64_t>> batches;
  std::map<std::int64_t, std::size_t> open;  // batch that a case of this length joins
  for (std::int64_t i = 0; i < std::ssize(lengths); ++i) {
    if (i % kWindow == 0) open.clear();
    const std::int64_t length = lengths[static_cast<std::size_t>(i)];
    const auto found = open.find(length);
    if (length > 0 && found != open.end()) {
      auto& batch = batches[found->second];
      const std::int64_t cases = std::ssize(batch) + 1;
      if (cases <= kMostCases && cases * length <= most_columns) {
        batch.push_back(i);
        continue;
      }
    }
    open[length] = batches.size();
    batches.push_back({i});
  }
  return batches;
}

std::int64_t most_batch_columns(const TransformerSpec& spec) {
  constexpr std::int64_t kMost = 512, kElements = std::int64_t{1} << 23;
  return std::clamp<std::int64_t>(
      kElements / std::max<std::int64_t>(1, spec.n_layers * spec.d_model), 1, kMost);
}

std::vector<std::vector<std::int64_t>> batches_of(const std::vector<CaseInput>& cases,
                                                  const Context& context, bool active) {
  std::vector<std::int64_t> lengths(cases.size(), 0);
  const TransformerSpec& spec = context.model().spec();
  // Threads of libtorch cut vectorised functions at places that depend on the size of the batch.
  const bool one_thread = at::get_num_threads() == 1;
  if (active && one_thread && cases.size() > 1 && can_run_in_batches(spec))
    std::transform(cases.begin(), cases.end(), lengths.begin(), [&](const CaseInput& input) {
      const std::int64_t length = length_of(input, context);
      return length < fewest_tokens(context.model()) ? 0 : length;
    });
  // Products are tried only where there is something to batch. Half precision has its own loops.
  const auto batches = form_batches(lengths, most_batch_columns(spec));
  const bool is_float = context.model().options().dtype == at::kFloat;
  if (batches.size() == cases.size() || !is_float || rows_keep_their_bits(spec)) return batches;
  return form_batches(std::vector<std::int64_t>(cases.size(), 0), most_batch_columns(spec));
}

}  // namespace lensbench
