#include "targets.hpp"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <algorithm>
#include <lensbench/error.hpp>
#include <string>

namespace lensbench::attribution {
namespace {

/// Most logits held at a time: 64 MiB of float32.
constexpr std::int64_t kLogitsPerBlock = std::int64_t{1} << 24;

/// Predictions for the positions from `first` on, a bounded number of logits at a time.
void write_predictions(const Model& model, const at::Tensor& normalized, std::int64_t first,
                       at::Tensor& ids) {
  const std::int64_t rows = std::max<std::int64_t>(
      1, kLogitsPerBlock / std::max<std::int64_t>(1, model.spec().vocab_size));
  for (std::int64_t begin = first; begin < normalized.size(0); begin += rows) {
    const std::int64_t count = std::min(rows, normalized.size(0) - begin);
    const at::Tensor logits = model.unembed(normalized.narrow(0, begin, count));
    ids.narrow(0, begin, count).copy_(logits.argmax(-1));
  }
}

/// One id for every position. \throws UsageError for an id outside the vocabulary
at::Tensor one_token(std::int64_t id, std::int64_t vocab_size, const at::Tensor& normalized) {
  if (id < 0 || id >= vocab_size)
    throw UsageError("layer_attribution: target token id " + std::to_string(id) +
                     " is outside the vocabulary; give an id from 0 to " +
                     std::to_string(vocab_size - 1));
  return at::full({normalized.size(0)}, id, normalized.options().dtype(at::kLong));
}

}  // namespace

std::int64_t resolve_position(std::int64_t position, std::int64_t length) {
  const std::int64_t index = position < 0 ? position + length : position;
  if (index < 0 || index >= length)
    throw UsageError("layer_attribution: position " + std::to_string(position) +
                     " is outside the prompt of " + std::to_string(length) + " tokens; give 0 to " +
                     std::to_string(length - 1) + ", or -1 to -" + std::to_string(length) +
                     " to count from the end");
  return index;
}

at::Tensor target_ids(const Model& model, const Target& target, const Tokens& tokens,
                      const at::Tensor& normalized) {
  const std::int64_t length = tokens.size();
  if (target.kind == Target::Kind::token)
    return one_token(target.id, model.spec().vocab_size, normalized);
  at::Tensor ids = at::empty({length}, normalized.options().dtype(at::kLong));
  if (target.kind == Target::Kind::model) {
    write_predictions(model, normalized, 0, ids);
    return ids;
  }
  // `next` is the token that follows; at the end the model's prediction.
  for (std::int64_t i = 0; i + 1 < length; ++i)
    ids[i] = tokens.ids[static_cast<std::size_t>(i + 1)];
  write_predictions(model, normalized, length - 1, ids);
  return ids;
}

/// A difference of 0 everywhere would attribute nothing to everything.
void check_versus(const Target& target, const at::Tensor& target_ids, const Target& versus,
                  const at::Tensor& versus_ids) {
  if (!target_ids.equal(versus_ids)) return;
  throw UsageError("layer_attribution: target '" + to_string(target) + "' and versus '" +
                   to_string(versus) +
                   "' name the same token at every position, so their difference is zero; give "
                   "two different tokens");
}

}  // namespace lensbench::attribution
