#include <cmath>
#include <string>

#include "model/families/config_parts.hpp"
#include "model/families/family.hpp"
#include "model/families/weight_parts.hpp"

namespace lensbench {
namespace {

void read_attention(const ConfigReader& config, TransformerSpec& spec) {
  AttentionSpec& attention = spec.attention;
  attention.n_heads = config.integer("num_attention_heads");
  attention.n_key_value_heads = config.integer_or("num_key_value_heads", attention.n_heads);
  if (attention.n_heads % attention.n_key_value_heads != 0)
    config.fail("num_key_value_heads", "is " + std::to_string(attention.n_key_value_heads) +
                                           ", which does not divide num_attention_heads " +
                                           std::to_string(attention.n_heads));
  if (!config.has("head_dim") && spec.d_model % attention.n_heads != 0)
    config.fail("num_attention_heads", "is " + std::to_string(attention.n_heads) +
                                           ", which does not divide hidden_size " +
                                           std::to_string(spec.d_model));
  attention.d_head = config.integer_or("head_dim", spec.d_model / attention.n_heads);
  if (attention.d_head % 2 != 0)
    config.fail("head_dim", "is " + std::to_string(attention.d_head) +
                                "; rotary positions need an even number");
  attention.scale = 1.0 / std::sqrt(static_cast<double>(attention.d_head));
}

TransformerSpec read_spec(const ConfigReader& config) {
  refuse_common(config);
  TransformerSpec spec;
  spec.family = "llama";
  spec.n_layers = config.integer("num_hidden_layers", kLayers);
  spec.d_model = config.integer("hidden_size");
  spec.vocab_size = config.integer("vocab_size");
  spec.norm = {NormKind::rms_norm, config.number_or("rms_norm_eps", 1e-6, kPositive), false, false};
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", false);
  read_attention(config, spec);

  const std::int64_t max_positions = config.integer_or("max_position_embeddings", 2048);
  spec.position = PositionKind::rotary;
  spec.rope = read_rope(config, spec.attention.d_head, max_positions);
  spec.max_positions = longest_sequence(*spec.rope, max_positions);

  spec.mlp.d_mlp = config.integer("intermediate_size");
  spec.mlp.activation = read_activation(config, "hidden_act", "silu");
  spec.mlp.gated = true;
  spec.attention_bias = config.boolean_or("attention_bias", false);
  spec.mlp_bias = config.boolean_or("mlp_bias", false);
  return spec;
}

BlockWeights take_block(const TransformerSpec& spec, WeightTaker& taker, std::int64_t layer) {
  const std::string prefix = "layers." + std::to_string(layer) + ".";
  const std::string attn = prefix + "self_attn.", mlp = prefix + "mlp.";
  const std::int64_t d = spec.d_model, inner = spec.mlp.d_mlp;
  const std::int64_t q = spec.attention.n_heads * spec.attention.d_head;
  const std::int64_t kv = spec.attention.n_key_value_heads * spec.attention.d_head;
  BlockWeights block;
  block.ln1.gain = taker.take(prefix + "input_layernorm.weight", {d});
  block.ln2.gain = taker.take(prefix + "post_attention_layernorm.weight", {d});
  block.q = take_linear(taker, attn + "q_proj", d, q, spec.attention_bias);
  block.k = take_linear(taker, attn + "k_proj", d, kv, spec.attention_bias);
  block.v = take_linear(taker, attn + "v_proj", d, kv, spec.attention_bias);
  block.o = take_linear(taker, attn + "o_proj", q, d, spec.attention_bias);
  block.gate = take_linear(taker, mlp + "gate_proj", d, inner, spec.mlp_bias);
  block.in = take_linear(taker, mlp + "up_proj", d, inner, spec.mlp_bias);
  block.out = take_linear(taker, mlp + "down_proj", inner, d, spec.mlp_bias);
  return block;
}

ModelWeights place(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights;
  weights.embedding = taker.take("embed_tokens.weight", {spec.vocab_size, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_block(spec, taker, layer));
  weights.ln_final.gain = taker.take("norm.weight", {spec.d_model});
  weights.unembedding = taker.take_unembedding(spec, "lm_head.weight", weights.embedding);
  return weights;
}

}  // namespace

const Family kLlamaFamily{"llama",
                          "model.",
                          {"layers.*.self_attn.rotary_emb.inv_freq", "rotary_emb.inv_freq"},
                          read_spec,
                          place};

}  // namespace lensbench
