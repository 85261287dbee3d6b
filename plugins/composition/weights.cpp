#include "weights.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <string>

#include "rotation.hpp"

namespace lensbench::composition {
namespace {

/// Tokens of the vocabulary that are widened at a time.
constexpr std::int64_t kTokensPerTile = 4096;

/// float64 on the CPU: products of several weights lose too many digits in float32.
at::Tensor exact(const at::Tensor& tensor) {
  return tensor.to(at::kCPU, at::kDouble).contiguous();
}

std::string attn(std::int64_t block, const std::string& name) {
  return "blocks." + std::to_string(block) + ".attn." + name;
}

/// Gain of a norm in float64; undefined if the norm does not have one.
at::Tensor gain_of(const Model& model, const NormSpec& norm, const std::string& name) {
  return norm.has_gain ? exact(model.weight(name + ".w")) : at::Tensor();
}

bool has_norm_before(const TransformerSpec& spec) {
  return spec.norm_placement == NormPlacement::before ||
         spec.norm_placement == NormPlacement::before_and_after;
}

bool has_norm_after(const TransformerSpec& spec) {
  return spec.norm_placement == NormPlacement::after_sublayer ||
         spec.norm_placement == NormPlacement::before_and_after;
}

/// Subtracts the mean over an axis: the product with I - 11ᵀ / d.
at::Tensor centred(const at::Tensor& tensor, std::int64_t axis) {
  return tensor - tensor.mean(axis, true);
}

/// Multiplies projections [head, d_model, d_head] by the norm of queries or keys that follows them.
at::Tensor fold_projection_norm(const Model& model, const at::Tensor& weight,
                                const std::string& norm) {
  // A LayerNorm of each head centres its d_head values.
  const NormSpec& spec = *model.spec().attention.query_key_norm;
  const at::Tensor input = spec.kind == NormKind::layer_norm ? centred(weight, -1) : weight;
  const at::Tensor gain = gain_of(model, spec, norm);
  if (!gain.defined()) return input;
  // One gain for all heads, or one for each.
  if (gain.numel() == weight.size(-1)) return input * gain.view({1, 1, -1});
  return input * gain.view({weight.size(0), 1, weight.size(-1)});
}

/// Multiplies W_O [head, d_head, d_model] by the norm after attention.
at::Tensor fold_output_norm(const Model& model, const at::Tensor& weight, std::int64_t block) {
  const at::Tensor input =
      model.spec().norm.kind == NormKind::layer_norm ? centred(weight, -1) : weight;
  const at::Tensor gain =
      gain_of(model, model.spec().norm, "blocks." + std::to_string(block) + ".ln1_post");
  return gain.defined() ? input * gain : input;
}

}  // namespace

HeadWeights::HeadWeights(const Model& model, bool fold, std::int64_t offset)
    : model_(model), fold_(fold), rotation_(rotations(model, offset)) {}

at::Tensor HeadWeights::folded_input(const at::Tensor& weight, const at::Tensor& gain) const {
  // The stream meets the centring C first, then the gain G: x C G W = x (C (G W)), so the weight is
  // multiplied by the gain first.
  const at::Tensor scaled = gain.defined() ? weight * gain.unsqueeze(-1) : weight;
  return model_.spec().norm.kind == NormKind::layer_norm ? centred(scaled, -2) : scaled;
}

BlockHeads HeadWeights::block(std::int64_t block) const {
  const TransformerSpec& spec = model_.spec();
  const auto read = [&](const char* name) { return exact(model_.weight(attn(block, name))); };
  BlockHeads heads{read("W_Q"), read("W_K"), read("W_V"), read("W_O")};
  if (fold_ && has_norm_before(spec)) {
    const at::Tensor gain = gain_of(model_, spec.norm, "blocks." + std::to_string(block) + ".ln1");
    for (at::Tensor* weight : {&heads.query, &heads.key, &heads.value})
      *weight = folded_input(*weight, gain);
  }
  if (fold_ && has_norm_after(spec)) heads.output = fold_output_norm(model_, heads.output, block);
  if (fold_ && spec.attention.query_key_norm) {
    heads.query = fold_projection_norm(model_, heads.query, attn(block, "q_norm"));
    heads.key = fold_projection_norm(model_, heads.key, attn(block, "k_norm"));
  }
  // The rotation is applied to queries only: R depends on the distance alone.
  if (!rotation_.empty())
    heads.query = at::matmul(heads.query, rotation_[static_cast<std::size_t>(block)]);
  return heads;
}

at::Tensor HeadWeights::embeddings(std::int64_t first, std::int64_t count) const {
  return exact(model_.weight("embed.W_E").narrow(0, first, count));
}

at::Tensor HeadWeights::logit_vectors(std::int64_t first, std::int64_t count) const {
  const at::Tensor rows = exact(model_.unembedding().weight.narrow(0, first, count));
  if (!fold_ || !model_.spec().final_norm) return rows;
  const at::Tensor gain = gain_of(model_, model_.spec().norm, "ln_final");
  const at::Tensor scaled = gain.defined() ? rows * gain : rows;
  return model_.spec().norm.kind == NormKind::layer_norm ? centred(scaled, -1) : scaled;
}

/// Sums in tiles: W_U and W_E are never widened as a whole.
VocabularyProducts vocabulary_products(const HeadWeights& weights) {
  const std::int64_t d_model = weights.model().spec().d_model;
  VocabularyProducts products{at::zeros({d_model, d_model}, at::kDouble),
                              at::zeros({d_model, d_model}, at::kDouble)};
  for (std::int64_t first = 0; first < weights.n_tokens(); first += kTokensPerTile) {
    const std::int64_t count = std::min(kTokensPerTile, weights.n_tokens() - first);
    const at::Tensor embedded = weights.embeddings(first, count);
    products.unembed_embed += at::matmul(weights.logit_vectors(first, count).t(), embedded);
    products.embed_embed += at::matmul(embedded.t(), embedded);
  }
  return products;
}

}  // namespace lensbench::composition
