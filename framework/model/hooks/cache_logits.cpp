#include <ATen/ExpandUtils.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include <lensbench/activation_cache.hpp>
#include <lensbench/error.hpp>
#include <utility>

#include "model/hooks/stack_parts.hpp"

namespace lensbench {
namespace {

std::string shape_text(const at::Tensor& x) {
  std::string text = "[";
  for (std::int64_t axis = 0; axis < x.dim(); ++axis)
    text += (axis > 0 ? ", " : "") + std::to_string(x.size(axis));
  return text + "]";
}

/// Ids of a selection, int64 of any shape.
at::Tensor ids_of(const Model& model, const TokenSelection& selection) {
  at::Tensor ids;
  if (const auto* text = std::get_if<std::string>(&selection))
    ids = at::tensor(to_single_token(model, *text), at::kLong);
  else if (const auto* id = std::get_if<std::int64_t>(&selection))
    ids = at::tensor(*id, at::kLong);
  else
    ids = std::get<at::Tensor>(selection);
  if (!ids.defined() || ids.numel() == 0 || ids.is_floating_point() || ids.dim() > 2)
    throw UsageError(
        "logit_attrs: the tokens are not integers of the shape [], [batch], [pos] or [batch, pos]");
  ids = ids.to(at::kLong);
  const auto least = ids.min().item<std::int64_t>(), most = ids.max().item<std::int64_t>();
  if (least < 0 || most >= model.spec().vocab_size)
    throw UsageError("logit_attrs: token id " + std::to_string(least < 0 ? least : most) +
                     " is outside the model's vocabulary of " +
                     std::to_string(model.spec().vocab_size) + " tokens");
  return ids.numel() == 1 ? ids.reshape({}) : ids;
}

/// Direction in the normalised stream of the logit of each id, [..., d_model] float32.
/// Logits are linear in the normalised stream: row of the unembedding, times the gain of the final
/// norm, through the projection of models with a narrower embedding.
at::Tensor directions(const Model& model, const at::Tensor& ids) {
  const TransformerSpec& spec = model.spec();
  const Unembedding& unembedding = model.unembedding();
  at::Tensor rows =
      unembedding.weight.index_select(0, ids.flatten().to(unembedding.weight.device()));
  rows = rows.to(at::kFloat) * unembedding.logit_scale;
  if (spec.d_embedding > 0) rows = rows.matmul(model.weight("unembed.W_proj").to(at::kFloat).t());
  if (spec.final_norm && spec.norm.has_gain) rows = rows * model.weight("ln_final.w");
  std::vector<std::int64_t> shape = ids.sizes().vec();
  shape.push_back(rows.size(-1));
  return rows.reshape(shape);
}

}  // namespace

/// The norm of one position of the forward, applied to each component of a stack: with the scale
/// held at its real value it is linear, so normalised components still sum to the normalised
/// stream.
at::Tensor ActivationCache::apply_ln_to_stack(const at::Tensor& residual_stack,
                                              const ApplyLnOptions& options) const {
  const TransformerSpec& spec = model().spec();
  if (residual_stack.dim() < 2 || residual_stack.size(-1) != spec.d_model)
    throw UsageError("activation cache: the stack has the shape " + shape_text(residual_stack) +
                     "; expected [component, batch, pos, d_model] with a d_model of " +
                     std::to_string(spec.d_model));
  const at::Tensor x =
      has_batch_dim() ? options.batch_slice.apply(residual_stack, 1) : residual_stack;
  const bool is_final = stacks::checked_layer(spec, options.layer) == spec.n_layers;
  // Components that are whole streams may be normalised with their own scale instead.
  if (is_final && options.recompute_ln && spec.final_norm) return model().final_norm(x);
  const std::optional<stacks::FrozenNorm> norm = stacks::frozen_norm(*this, spec, options);
  if (!norm) return x;
  if (!at::is_expandable_to(norm->scale.sizes(), x.sizes()))
    throw UsageError("activation cache: the stack has the shape " + shape_text(x) +
                     ", but the scale of its norm is " + shape_text(norm->scale) +
                     "; give the pos_slice that the stack was made with");
  return (norm->centred ? stacks::centred(x) : x) / norm->scale;
}

/// Part of a logit, or of a difference of two, that each component adds; bias and softcap are not
/// part of it.
at::Tensor ActivationCache::logit_attrs(const at::Tensor& residual_stack,
                                        const TokenSelection& tokens,
                                        const std::optional<TokenSelection>& incorrect_tokens,
                                        const LogitAttrsOptions& options) const {
  const TransformerSpec& spec = model().spec();
  if (spec.masked_language_model)
    throw UsageError(
        "logit_attrs: the logits of a masked-language model are not a sum over its stream, which "
        "a dense layer reads first; use another model");
  const at::Tensor ids = ids_of(model(), tokens);
  at::Tensor direction = directions(model(), ids);
  if (incorrect_tokens) {
    const at::Tensor others = ids_of(model(), *incorrect_tokens);
    if (others.sizes() != ids.sizes())
      throw UsageError("logit_attrs: tokens have the shape " + shape_text(ids) +
                       ", incorrect_tokens " + shape_text(others) + "; give equal shapes");
    direction = direction - directions(model(), others);
  }
  const at::Tensor stack = apply_ln_to_stack(
      residual_stack, {.pos_slice = options.pos_slice, .batch_slice = options.batch_slice});
  // Ids of the shape [n] may be one for each sequence or one for each position. If n is the size of
  // the batch, they are read as the former.
  const bool for_sequences = has_batch_dim() && !options.batch_slice.is_index() &&
                             stack.dim() == 4 && direction.dim() == 2 &&
                             direction.size(0) == stack.size(1);
  if (for_sequences) direction = direction.unsqueeze(-2);
  if (!at::is_expandable_to(direction.sizes(), stack.sizes()))
    throw UsageError("logit_attrs: tokens of the shape " + shape_text(ids) +
                     " do not fit a stack of the shape " + shape_text(stack) +
                     "; give one token, [batch], [pos] or [batch, pos]");
  return (stack * direction).sum(-1);
}

}  // namespace lensbench
