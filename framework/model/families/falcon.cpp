#include <string>

#include "model/families/config_parts.hpp"
#include "model/families/family.hpp"
#include "model/families/weight_parts.hpp"

namespace lensbench {
namespace {

/// Falcon-7B has one key-value head, Falcon-40B groups, Falcon-RW one for each query head.
void read_heads(const ConfigReader& config, bool grouped, TransformerSpec& spec) {
  set_heads(config, "num_attention_heads", config.integer_or("num_attention_heads", 71), spec);
  AttentionSpec& attention = spec.attention;
  attention.fused_by_group = true;
  const bool multi_query = config.boolean_or("multi_query", true);
  const std::int64_t stated = config.integer_or("num_kv_heads", attention.n_heads);
  if (grouped) {
    attention.n_key_value_heads = stated;
    if (attention.n_heads % stated != 0)
      config.fail("num_kv_heads", "is " + std::to_string(stated) +
                                      ", which does not divide num_attention_heads " +
                                      std::to_string(attention.n_heads));
  } else if (multi_query) {
    attention.n_key_value_heads = 1;
  } else if (stated != attention.n_heads) {
    config.fail("num_kv_heads", "is " + std::to_string(stated) +
                                    ", which needs new_decoder_architecture or multi_query");
  }
}

/// Three layouts: sequential blocks with two norms, parallel ones with a shared norm (Falcon-7B),
/// and parallel ones with a norm each (Falcon-40B, `new_decoder_architecture`).
void read_norms(const ConfigReader& config, bool grouped, TransformerSpec& spec) {
  spec.norm.epsilon = config.number_or("layer_norm_epsilon", 1e-5, kPositive);
  spec.parallel_blocks = config.boolean_or("parallel_attn", true);
  const std::int64_t norms = config.integer_or("num_ln_in_parallel_attn", grouped ? 2 : 1, {1, 2});
  if (grouped && !spec.parallel_blocks)
    config.fail("parallel_attn", "is false with new_decoder_architecture, which is parallel");
  if (!grouped && norms == 2)
    config.fail("num_ln_in_parallel_attn", "is 2 without new_decoder_architecture");
  spec.shared_parallel_norm = spec.parallel_blocks && norms == 1;
}

/// ALiBi in Falcon-RW, rotation in the others.
void read_positions(const ConfigReader& config, TransformerSpec& spec) {
  if (config.boolean_or("alibi", false)) {
    spec.position = PositionKind::alibi;
    // Falcon scales the bias like the scores and computes it in bfloat16, unlike BLOOM.
    spec.alibi = {true, true};
    spec.max_positions = kAnyLength;
    return;
  }
  const std::int64_t positions = config.integer_or("max_position_embeddings", 2048);
  spec.position = PositionKind::rotary;
  spec.rope = read_rope(config, spec.attention.d_head, positions);
  spec.max_positions = longest_sequence(*spec.rope, positions);
}

TransformerSpec read_falcon_spec(const ConfigReader& config) {
  refuse_common(config);
  TransformerSpec spec;
  spec.family = "falcon";
  spec.n_layers = config.integer_or("num_hidden_layers", 32, kLayers);
  spec.d_model = config.integer_or(spelling(config, "hidden_size", "n_embed"), 4544);
  spec.vocab_size = config.integer_or("vocab_size", 65024);
  const bool grouped = config.boolean_or("new_decoder_architecture", false);
  read_heads(config, grouped, spec);
  read_norms(config, grouped, spec);
  read_positions(config, spec);
  spec.attention_bias = spec.mlp_bias = config.boolean_or("bias", false);
  spec.mlp.d_mlp = config.integer_or("ffn_hidden_size", 4 * spec.d_model);
  spec.mlp.activation = read_activation(config, "activation", "gelu");
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

BlockWeights take_falcon_block(const TransformerSpec& spec, WeightTaker& taker,
                               std::int64_t layer) {
  const std::string h = "h." + std::to_string(layer) + ".";
  const std::int64_t d = spec.d_model;
  // The norms have other names if attention and MLP have one each.
  const bool two_in_parallel = spec.parallel_blocks && !spec.shared_parallel_norm;
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, h + (two_in_parallel ? "ln_attn" : "input_layernorm"));
  if (!spec.shared_parallel_norm)
    block.ln2 =
        take_norm(taker, spec, h + (two_in_parallel ? "ln_mlp" : "post_attention_layernorm"));
  block.qkv = take_fused(taker, spec, h + "self_attention.query_key_value", spec.attention_bias);
  block.o = take_linear(taker, h + "self_attention.dense", d, d, spec.attention_bias);
  block.in = take_linear(taker, h + "mlp.dense_h_to_4h", d, spec.mlp.d_mlp, spec.mlp_bias);
  block.out = take_linear(taker, h + "mlp.dense_4h_to_h", spec.mlp.d_mlp, d, spec.mlp_bias);
  return block;
}

ModelWeights take_falcon_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights;
  weights.embedding = taker.take("word_embeddings.weight", {spec.vocab_size, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_falcon_block(spec, taker, layer));
  weights.ln_final = take_norm(taker, spec, "ln_f");
  weights.unembedding = taker.take_unembedding(spec, "lm_head.weight", weights.embedding);
  return weights;
}

}  // namespace

const Family kFalconFamily{"falcon",
                           "transformer.",
                           {"h.*.self_attention.rotary_emb.inv_freq", "rotary_emb.inv_freq"},
                           read_falcon_spec,
                           take_falcon_weights,
                           "FalconForCausalLM"};

}  // namespace lensbench
