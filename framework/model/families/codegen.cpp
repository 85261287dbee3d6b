#include <ATen/ops/cat.h>

#include <array>
#include <string>
#include <vector>

#include "model/families/config_parts.hpp"
#include "model/families/family.hpp"
#include "model/families/weight_parts.hpp"
#include "model/forward/linear.hpp"

namespace lensbench {
namespace {

/// Parts into which the published checkpoints divide queries, values and keys, one for each of the
/// four machines that trained them.
constexpr std::int64_t kParts = 4;

/// The first `rotary_dim` dimensions of a head rotate in neighbouring pairs, by angles from a table
/// that ends at the last position.
void read_codegen_rotation(const ConfigReader& config, TransformerSpec& spec) {
  if (config.is_null("rotary_dim")) config.fail("rotary_dim", "is null; expected a number");
  const std::int64_t dim = config.integer_or("rotary_dim", 64);
  if (dim % 2 != 0 || dim > spec.attention.d_head)
    config.fail("rotary_dim", "is " + std::to_string(dim) +
                                  "; expected an even number, at most the " +
                                  std::to_string(spec.attention.d_head) + " dimensions of a head");
  spec.position = PositionKind::rotary;
  spec.rope.emplace();
  spec.rope->rotary_dim = dim;
  spec.rope->interleaved = true;
  spec.rope->from_table = true;
}

/// CodeGen: a GPT-J with queries, values and keys in one matrix of four parts.
TransformerSpec read_codegen_spec(const ConfigReader& config) {
  refuse_common(config);
  TransformerSpec spec;
  spec.family = "codegen";
  spec.n_layers = config.integer_or(spelling(config, "n_layer", "num_hidden_layers"), 28, kLayers);
  spec.d_model = config.integer_or(spelling(config, "n_embd", "hidden_size"), 4096);
  spec.vocab_size = config.integer_or("vocab_size", 50400);
  spec.max_positions =
      config.integer_or(spelling(config, "n_positions", "max_position_embeddings"), 2048);
  spec.norm.epsilon = config.number_or("layer_norm_epsilon", 1e-5, kPositive);
  const std::string_view heads = spelling(config, "n_head", "num_attention_heads");
  set_heads(config, heads, config.integer_or(heads, 16), spec);
  if (spec.d_model % kParts != 0)
    config.fail("n_embd", "is " + std::to_string(spec.d_model) + "; expected a multiple of 4");
  read_codegen_rotation(config, spec);
  spec.attention_bias = spec.attention_output_bias = false;
  spec.parallel_blocks = spec.shared_parallel_norm = true;
  spec.mlp.d_mlp = config.integer_or("n_inner", 4 * spec.d_model);
  spec.mlp.activation = read_activation(config, "activation_function", "gelu_new");
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", false);
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
