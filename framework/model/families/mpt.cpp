#include <string>

#include "model/families/config_parts.hpp"
#include "model/families/family.hpp"
#include "model/families/weight_parts.hpp"
#include "model/forward/linear.hpp"

namespace lensbench {
namespace {

/// Settings in `attn_config`. Those that the reference ignores are refused where they would say
/// something else.
void read_mpt_attention(const ConfigReader& config, TransformerSpec& spec) {
  static const nlohmann::json nothing = nlohmann::json::object();
  const ConfigReader own = config.object("attn_config").value_or(ConfigReader(nothing, {}));
  own.require_absent_or("attn_type", "multihead_attention");
  own.require_absent_or("prefix_lm", false);
  own.require_absent_or("qk_ln", false);
  own.require_absent_or("qk_gn", false);
  own.require_absent_or("attn_uses_sequence_id", false);
  own.require_absent_or("rope", false);
  own.require_absent_or("alibi", true);
  own.require_absent_or("alibi_bias_max", 8);
  spec.position = PositionKind::alibi;
  spec.alibi.wide = true;
  spec.projection_limit = own.number_or("clip_qkv", 0.0, {0.0, kPositive.max});
  if (const auto scale = own.optional_number("softmax_scale")) spec.attention.scale = *scale;
}

/// MPT: ALiBi, no biases, queries, keys and values in one matrix.
TransformerSpec read_mpt_spec(const ConfigReader& config) {
  refuse_common(config);
  config.require_absent_or("no_bias", true);
  config.require_absent_or("logit_scale", nullptr);
  config.require_absent_or("expansion_ratio", 4);
  TransformerSpec spec;
  spec.family = "mpt";
  spec.n_layers = config.integer_or(spelling(config, "n_layers", "num_hidden_layers"), 24, kLayers);
  spec.d_model = config.integer_or(spelling(config, "d_model", "hidden_size"), 2048);
  spec.vocab_size = config.integer_or("vocab_size", 50368);
  spec.max_positions = config.integer_or("max_seq_len", 2048);
  spec.norm.epsilon = config.number_or("layer_norm_epsilon", 1e-5, kPositive);
  spec.norm.has_bias = false;
  const std::string_view heads = spelling(config, "n_heads", "num_attention_heads");
  set_heads(config, heads, config.integer_or(heads, 16), spec);
  read_mpt_attention(config, spec);
  spec.attention_bias = spec.attention_output_bias = spec.mlp_bias = false;
  spec.mlp.d_mlp = 4 * spec.d_model;
  spec.mlp.activation = Activation::gelu;
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

BlockWeights take_mpt_block(const TransformerSpec& spec, WeightTaker& taker, std::int64_t layer) {
  const std::string prefix = "blocks." + std::to_string(layer) + ".";
  const std::int64_t d = spec.d_model;
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, prefix + "norm_1");
  block.ln2 = take_norm(taker, spec, prefix + "norm_2");
  block.qkv = take_linear(taker, prefix + "attn.Wqkv", d, 3 * d);
  block.q = columns(block.qkv, 0, d);
  block.k = columns(block.qkv, d, d);
  block.v = columns(block.qkv, 2 * d, d);
  block.o = take_linear(taker, prefix + "attn.out_proj", d, d);
  block.in = take_linear(taker, prefix + "ffn.up_proj", d, spec.mlp.d_mlp);
  block.out = take_linear(taker, prefix + "ffn.down_proj", spec.mlp.d_mlp, d);
  return block;
}

ModelWeights take_mpt_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights;
  weights.embedding = taker.take("wte.weight", {spec.vocab_size, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_mpt_block(spec, taker, layer));
  weights.ln_final = take_norm(taker, spec, "norm_f");
  weights.unembedding = taker.take_unembedding(spec, "lm_head.weight", weights.embedding);
  return weights;
}

}  // namespace

const Family kMptFamily{"mpt",         "transformer.",   {},
                        read_mpt_spec, take_mpt_weights, "MptForCausalLM"};

}  // namespace lensbench
