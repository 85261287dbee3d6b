#include <ATen/ops/cat.h>

#include <array>
#include <string>
#include <vector>

#include "model/families/family.hpp"
#include "model/families/gptj_parts.hpp"
#include "model/families/weight_parts.hpp"
#include "model/forward/linear.hpp"

namespace lensbench {
namespace {

/// Parts into which the published checkpoints divide queries, values and keys, one for each of the
/// four machines that trained them.
constexpr std::int64_t kParts = 4;

/// CodeGen: a GPT-J with queries, values and keys in one matrix of four parts.
TransformerSpec read_codegen_spec(const ConfigReader& config) {
  TransformerSpec spec = read_gptj(config, "codegen");
  spec.attention_output_bias = false;
  if (spec.d_model % kParts != 0)
    config.fail("n_embd", "is " + std::to_string(spec.d_model) + "; expected a multiple of 4");
  return spec;
}

/// Queries, values and keys, each put together from its four parts. A copy, since no view of the
/// stored matrix has them in one piece.
void take_codegen_projections(const TransformerSpec& spec, WeightTaker& taker,
                              const std::string& name, BlockWeights& block) {
  const Linear stored = take_linear(taker, name, spec.d_model, 3 * spec.d_model);
  if (!stored.weight.defined()) return;
  const std::int64_t width = spec.d_model / kParts;
  const std::array<Linear*, 3> order = {&block.q, &block.v, &block.k};
  for (std::size_t which = 0; which < order.size(); ++which) {
    std::vector<at::Tensor> parts;
    parts.reserve(kParts);
    for (std::int64_t part = 0; part < kParts; ++part)
      parts.push_back(
          stored.weight.narrow(1, (3 * part + static_cast<std::int64_t>(which)) * width, width));
    order[which]->weight = at::cat(parts, 1);
  }
}

BlockWeights take_codegen_block(const TransformerSpec& spec, WeightTaker& taker,
                                std::int64_t layer) {
  const std::string h = "h." + std::to_string(layer) + ".";
  const std::int64_t d = spec.d_model;
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, h + "ln_1");
  take_codegen_projections(spec, taker, h + "attn.qkv_proj", block);
  block.o = take_linear(taker, h + "attn.out_proj", d, d, false);
  block.in = take_linear(taker, h + "mlp.fc_in", d, spec.mlp.d_mlp, true);
  block.out = take_linear(taker, h + "mlp.fc_out", spec.mlp.d_mlp, d, true);
  return block;
}

ModelWeights take_codegen_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights;
  weights.embedding = taker.take("wte.weight", {spec.vocab_size, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_codegen_block(spec, taker, layer));
  weights.ln_final = take_norm(taker, spec, "ln_f");
  weights.unembedding = taker.take_unembedding(spec, "lm_head.weight", weights.embedding);
  weights.unembedding.bias = taker.take_head("lm_head.bias", {spec.vocab_size});
  return weights;
}

}  // namespace

const Family kCodeGenFamily{
    "codegen",
    "transformer.",
    {"h.*.attn.causal_mask", "h.*.attn.bias", "h.*.attn.masked_bias", "h.*.attn.embed_positions"},
    read_codegen_spec,
    take_codegen_weights,
    "CodeGenForCausalLM"};

}  // namespace lensbench
