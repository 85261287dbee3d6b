#include <string>

#include "model/families/config_parts.hpp"
#include "model/families/family.hpp"
#include "model/families/weight_parts.hpp"

namespace lensbench {
namespace {

/// GPT-NeoX and Pythia: rotation of a quarter of each head, attention and MLP in parallel with a
/// norm each, and queries, keys and values interleaved by head in one matrix.
TransformerSpec read_gpt_neox_spec(const ConfigReader& config) {
  refuse_common(config);
  TransformerSpec spec;
  spec.family = "gpt_neox";
  spec.n_layers = config.integer_or("num_hidden_layers", 44, kLayers);
  spec.d_model = config.integer_or("hidden_size", 6144);
  spec.vocab_size = config.integer_or("vocab_size", 50432);
  spec.norm.epsilon = config.number_or("layer_norm_eps", 1e-5, kPositive);
  set_heads(config, "num_attention_heads", config.integer_or("num_attention_heads", 64), spec);
  spec.attention.fused_by_group = true;
  spec.attention_bias = config.boolean_or("attention_bias", true);

  const std::int64_t positions = config.integer_or("max_position_embeddings", 2048);
  spec.position = PositionKind::rotary;
  spec.rope =
      read_rope(config, spec.attention.d_head, positions,
                {.partial = 0.25, .theta_field = "rotary_emb_base", .partial_field = "rotary_pct"});
  spec.max_positions = longest_sequence(*spec.rope, positions);

  spec.parallel_blocks = config.boolean_or("use_parallel_residual", true);
  spec.mlp.d_mlp = config.integer_or("intermediate_size", 24576);
  spec.mlp.activation = read_activation(config, "hidden_act", "gelu");
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", false);
  return spec;
}

/// Each block has both norms, whether attention and MLP run in parallel or in turn.
BlockWeights take_gpt_neox_block(const TransformerSpec& spec, WeightTaker& taker,
                                 std::int64_t layer) {
  const std::string prefix = "layers." + std::to_string(layer) + ".";
  const std::int64_t d = spec.d_model;
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, prefix + "input_layernorm");
  block.ln2 = take_norm(taker, spec, prefix + "post_attention_layernorm");
  block.qkv = take_fused(taker, spec, prefix + "attention.query_key_value", spec.attention_bias);
  block.o = take_linear(taker, prefix + "attention.dense", d, d, spec.attention_bias);
  block.in = take_linear(taker, prefix + "mlp.dense_h_to_4h", d, spec.mlp.d_mlp, true);
  block.out = take_linear(taker, prefix + "mlp.dense_4h_to_h", spec.mlp.d_mlp, d, true);
  return block;
}

ModelWeights take_gpt_neox_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights;
  weights.embedding = taker.take("embed_in.weight", {spec.vocab_size, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_gpt_neox_block(spec, taker, layer));
  weights.ln_final = take_norm(taker, spec, "final_layer_norm");
  // transformers 5 names the module lm_head; checkpoints keep the older name.
  const char* head = taker.has("lm_head.weight") ? "lm_head.weight" : "embed_out.weight";
  weights.unembedding = taker.take_unembedding(spec, head, weights.embedding);
  return weights;
}

}  // namespace

const Family kGptNeoxFamily{"gpt_neox",
                            "gpt_neox.",
                            {"layers.*.attention.bias", "layers.*.attention.masked_bias",
                             "layers.*.attention.rotary_emb.inv_freq", "rotary_emb.inv_freq"},
                            read_gpt_neox_spec,
                            take_gpt_neox_weights,
                            "GPTNeoXForCausalLM"};

}  // namespace lensbench
