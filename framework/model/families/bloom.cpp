#include <string>

#include "model/families/config_parts.hpp"
#include "model/families/family.hpp"
#include "model/families/weight_parts.hpp"

namespace lensbench {
namespace {

/// BLOOM: ALiBi instead of a position table, a norm of the token embedding, and queries, keys and
/// values in one matrix, interleaved by head.
TransformerSpec read_bloom_spec(const ConfigReader& config) {
  refuse_common(config);
  config.require_absent_or("apply_residual_connection_post_layernorm", false);
  // Changes only the order of sums of an output layer (with pretraining_tp), not the result.
  config.boolean_or("slow_but_exact", false);
  TransformerSpec spec;
  spec.family = "bloom";
  spec.n_layers = config.integer_or(spelling(config, "n_layer", "num_hidden_layers"), 2, kLayers);
  spec.d_model = config.integer_or(spelling(config, "hidden_size", "n_embed"), 64);
  spec.vocab_size = config.integer_or("vocab_size", 250880);
  spec.max_positions = kAnyLength;
  spec.norm.epsilon = config.number_or("layer_norm_epsilon", 1e-5, kPositive);
  spec.embedding_norm = true;
  const std::string_view heads = spelling(config, "n_head", "num_attention_heads");
  set_heads(config, heads, config.integer_or(heads, 8), spec);
  spec.attention.fused_by_group = true;
  spec.position = PositionKind::alibi;
  // Width and activation of the MLP are fixed in the reference, without a field in the
  // configuration.
  spec.mlp.d_mlp = 4 * spec.d_model;
  spec.mlp.activation = Activation::gelu_tanh;
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

BlockWeights take_bloom_block(const TransformerSpec& spec, WeightTaker& taker, std::int64_t layer) {
  const std::string h = "h." + std::to_string(layer) + ".";
  const std::int64_t d = spec.d_model;
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, h + "input_layernorm");
  block.ln2 = take_norm(taker, spec, h + "post_attention_layernorm");
  block.qkv = take_fused(taker, spec, h + "self_attention.query_key_value", true);
  block.o = take_linear(taker, h + "self_attention.dense", d, d, true);
  block.in = take_linear(taker, h + "mlp.dense_h_to_4h", d, spec.mlp.d_mlp, true);
  block.out = take_linear(taker, h + "mlp.dense_4h_to_h", spec.mlp.d_mlp, d, true);
  return block;
}

ModelWeights take_bloom_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights;
  weights.embedding = taker.take("word_embeddings.weight", {spec.vocab_size, spec.d_model});
  weights.ln_embed = take_norm(taker, spec, "word_embeddings_layernorm");
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_bloom_block(spec, taker, layer));
  weights.ln_final = take_norm(taker, spec, "ln_f");
  weights.unembedding = taker.take_unembedding(spec, "lm_head.weight", weights.embedding);
  return weights;
}

}  // namespace

const Family kBloomFamily{"bloom",         "transformer.",     {},
                          read_bloom_spec, take_bloom_weights, "BloomForCausalLM"};

}  // namespace lensbench
