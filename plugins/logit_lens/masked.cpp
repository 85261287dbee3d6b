#include "masked.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <lensbench/error.hpp>
#include <limits>
#include <optional>

namespace lensbench::lens {
namespace {

/// Id of the mask token; nullopt if the tokenizer does not have one of the usual names.
std::optional<std::int64_t> mask_id(const Model& model, const std::string& mask) {
  const auto tokenizer = model.tokenizer();
  if (!mask.empty()) return parse_token(tokenizer.get(), mask, model.spec().vocab_size);
  if (!tokenizer) return std::nullopt;
  for (const char* text : {"[MASK]", "<mask>"})
    // A vocabulary may hold the text `[MASK]` as an ordinary token.
    if (const auto id = tokenizer->id_of(text); id && tokenizer->is_special(*id)) return id;
  return std::nullopt;
}

}  // namespace

at::Tensor masked_positions(const Model& model, const Tokens& tokens, const std::string& mask) {
  if (!model.spec().masked_language_model) {
    if (mask.empty()) return {};
    throw UsageError("logit_lens: mask is '" + mask + "', but '" + model.spec().family +
                     "' is not a masked-language model; leave it out");
  }
  const at::Tensor ids = at::tensor(tokens.ids, at::kLong);
  const auto id = mask_id(model, mask);
  // Without a known mask token no position is masked.
  return id ? ids.eq(*id) : at::zeros(ids.sizes(), at::kBool);
}

Target meant_target(const Model& model, const Target& target) {
  const bool next = target.kind == Target::Kind::next;
  return next && model.spec().masked_language_model ? Target::model() : target;
}

void keep_masked(Answer& answer, const at::Tensor& masked) {
  // A prompt without a mask token is scored everywhere.
  if (!masked.defined() || !masked.any().item<bool>()) return;
  const at::Tensor others = masked.logical_not();
  Readout& r = answer.readout;
  r.target_ids = r.target_ids.masked_fill(others, -1);
  r.target_ranks = r.target_ranks.masked_fill(others, -1);
  for (at::Tensor* values : {&r.target_logits, &r.target_log_probabilities})
    *values = values->masked_fill(others, std::numeric_limits<double>::quiet_NaN());
}

}  // namespace lensbench::lens
