#include "feature_tokens.hpp"

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/topk.h>

#include <algorithm>
#include <tuple>
#include <vector>

namespace lensbench::dictionaries {
namespace {

constexpr std::int64_t kTile = 4096;  ///< tokens whose unembedding is widened at a time

}  // namespace

bool writes_to_stream(const Model& model, const Dictionary& dictionary) {
  const TransformerSpec& spec = model.spec();
  return !dictionary.settings.joins_heads && dictionary.settings.d_out == spec.d_model &&
         model.unembedding().weight.size(1) == spec.d_model && !spec.masked_language_model;
}

FeatureTokens feature_tokens(const Model& model, const Dictionary& dictionary,
                             const at::Tensor& features, std::int64_t k) {
  const TransformerSpec& spec = model.spec();
  at::Tensor directions = dictionary.decoder.index_select(0, features).to(at::kDouble);
  if (spec.final_norm) {
    if (spec.norm.kind == NormKind::layer_norm)
      directions = directions - directions.mean(1, /*keepdim=*/true);
    if (spec.norm.has_gain)
      directions = directions * model.weight("ln_final.w").to(at::kCPU, at::kDouble);
  }
  const Unembedding& unembedding = model.unembedding();
  std::vector<at::Tensor> logits;
  for (std::int64_t first = 0; first < spec.vocab_size; first += kTile) {
    const std::int64_t count = std::min(kTile, spec.vocab_size - first);
    const at::Tensor tile = unembedding.weight.narrow(0, first, count).to(at::kCPU, at::kDouble);
    logits.push_back(at::matmul(directions, tile.t()) * unembedding.logit_scale);
  }
  const auto [values, ids] = at::topk(at::cat(logits, 1), std::min(k, spec.vocab_size), 1);
  return {ids.to(at::kInt), values};
}

}  // namespace lensbench::dictionaries
