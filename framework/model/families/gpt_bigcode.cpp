#include <cmath>
#include <string>

#include "model/families/config_parts.hpp"
#include "model/families/family.hpp"
#include "model/families/weight_parts.hpp"
#include "model/forward/linear.hpp"

namespace lensbench {
namespace {

/// One key and value for all heads, or one for each.
void read_bigcode_heads(const ConfigReader& config, TransformerSpec& spec) {
  const std::string_view heads = spelling(config, "n_head", "num_attention_heads");
  set_heads(config, heads, config.integer_or(heads, 12), spec);
  AttentionSpec& attention = spec.attention;
  const bool multi_query = config.boolean_or("multi_query", true);
  if (multi_query) attention.n_key_value_heads = 1;
  attention.fused_by_group = !multi_query;
  if (!config.boolean_or("scale_attn_weights", true)) attention.scale = 1.0;
  // A copy of the above that newer programs write.
  const std::int64_t written =
      config.integer_or("num_key_value_heads", attention.n_key_value_heads);
  if (written != attention.n_key_value_heads)
    config.fail("num_key_value_heads", "is " + std::to_string(written) +
                                           ", but multi_query means " +
                                           std::to_string(attention.n_key_value_heads));
  // Precision of the softmax, which is always float32 here.
  config.boolean_or("attention_softmax_in_fp32", true);
  config.boolean_or("scale_attention_softmax_in_fp32", true);
}

/// GPT-BigCode (SantaCoder, StarCoder): a GPT-2 whose heads share one key and value.
TransformerSpec read_gpt_bigcode_spec(const ConfigReader& config) {
  refuse_common(config);
  TransformerSpec spec;
  spec.family = "gpt_bigcode";
  spec.n_layers = config.integer_or(spelling(config, "n_layer", "num_hidden_layers"), 12, kLayers);
  spec.d_model = config.integer_or(spelling(config, "n_embd", "hidden_size"), 768);
  spec.vocab_size = config.integer_or("vocab_size", 50257);
  spec.max_positions =
      config.integer_or(spelling(config, "n_positions", "max_position_embeddings"), 1024);
  spec.norm.epsilon = config.number_or("layer_norm_epsilon", 1e-5, kPositive);
  read_bigcode_heads(config, spec);
  spec.mlp.d_mlp = config.integer_or("n_inner", 4 * spec.d_model);
  spec.mlp.activation = read_activation(config, "activation_function", "gelu_pytorch_tanh");
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

BlockWeights take_gpt_bigcode_block(const TransformerSpec& spec, WeightTaker& taker,
                                    std::int64_t layer) {
  const std::string h = "h." + std::to_string(layer) + ".";
  const std::int64_t d = spec.d_model;
  const std::int64_t kv = spec.attention.n_key_value_heads * spec.attention.d_head;
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, h + "ln_1");
  block.ln2 = take_norm(taker, spec, h + "ln_2");
  block.qkv = take_linear(taker, h + "attn.c_attn", d, d + 2 * kv, true);
  // Queries, then the one key and the one value; else all three head by head.
  if (!spec.attention.fused_by_group) {
    block.q = columns(block.qkv, 0, d);
    block.k = columns(block.qkv, d, kv);
    block.v = columns(block.qkv, d + kv, kv);
  }
  block.o = take_linear(taker, h + "attn.c_proj", d, d, true);
  block.in = take_linear(taker, h + "mlp.c_fc", d, spec.mlp.d_mlp, true);
  block.out = take_linear(taker, h + "mlp.c_proj", spec.mlp.d_mlp, d, true);
  return block;
}

ModelWeights take_gpt_bigcode_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights;
  weights.embedding = taker.take("wte.weight", {spec.vocab_size, spec.d_model});
  weights.positions = taker.take("wpe.weight", {spec.max_positions, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_gpt_bigcode_block(spec, taker, layer));
  weights.ln_final = take_norm(taker, spec, "ln_f");
  weights.unembedding = taker.take_unembedding(spec, "lm_head.weight", weights.embedding);
  return weights;
}

}  // namespace

const Family kGptBigCodeFamily{"gpt_bigcode",
                               "transformer.",
                               {"bias", "h.*.attn.bias", "h.*.attn.masked_bias"},
                               read_gpt_bigcode_spec,
                               take_gpt_bigcode_weights,
                               "GPTBigCodeForCausalLM"};

}  // namespace lensbench
