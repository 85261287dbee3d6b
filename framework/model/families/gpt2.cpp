#include <cmath>
#include <string>

#include "model/families/config_parts.hpp"
#include "model/families/family.hpp"
#include "model/forward/linear.hpp"

namespace lensbench {
namespace {

/// GPT-2, under the field names of its class or their general synonyms.
TransformerSpec read_gpt2_spec(const ConfigReader& config) {
  refuse_common(config);
  TransformerSpec spec;
  spec.family = "gpt2";
  spec.n_layers = config.integer(spelling(config, "n_layer", "num_hidden_layers"), kLayers);
  spec.d_model = config.integer(spelling(config, "n_embd", "hidden_size"));
  spec.vocab_size = config.integer("vocab_size");
  spec.max_positions =
      config.integer_or(spelling(config, "n_positions", "max_position_embeddings"), 1024);
  spec.norm.epsilon = config.number_or("layer_norm_epsilon", 1e-5, kPositive);
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", true);

  AttentionSpec& attention = spec.attention;
  const std::string_view heads = spelling(config, "n_head", "num_attention_heads");
  attention.n_heads = attention.n_key_value_heads = config.integer(heads);
  if (spec.d_model % attention.n_heads != 0)
    config.fail(heads, "is " + std::to_string(attention.n_heads) +
                           ", which does not divide n_embd " + std::to_string(spec.d_model));
  attention.d_head = spec.d_model / attention.n_heads;
  const bool scaled = config.boolean_or("scale_attn_weights", true);
  attention.scale = scaled ? 1.0 / std::sqrt(static_cast<double>(attention.d_head)) : 1.0;
  // Block l divides its scores by l + 1 as well.
  if (config.boolean_or("scale_attn_by_inverse_layer_idx", false))
    for (std::int64_t layer = 1; layer <= spec.n_layers; ++layer)
      attention.layer_scale.push_back(1.0 / static_cast<double>(layer));
  // Selects order and precision of the scores, which are always computed in float32 here.
  config.boolean_or("reorder_and_upcast_attn", false);

  spec.mlp.d_mlp = config.integer_or("n_inner", 4 * spec.d_model);
  spec.mlp.activation = read_activation(config, "activation_function", "gelu_new");
  return spec;
}

/// Norms of GPT-2 always have gain and bias.
NormWeights take_norm(WeightTaker& taker, const std::string& name, std::int64_t d) {
  return {taker.take(name + ".weight", {d}), taker.take(name + ".bias", {d})};
}

/// Takes a Conv1D layer, whose weight is stored [in, out].
Linear take_conv(WeightTaker& taker, const std::string& name, std::int64_t in, std::int64_t out) {
  return {taker.take(name + ".weight", {in, out}), taker.take(name + ".bias", {out})};
}

BlockWeights take_gpt2_block(const TransformerSpec& spec, WeightTaker& taker, std::int64_t layer) {
  const std::string h = "h." + std::to_string(layer) + ".";
  const std::int64_t d = spec.d_model;
  BlockWeights block;
  block.ln1 = take_norm(taker, h + "ln_1", d);
  block.ln2 = take_norm(taker, h + "ln_2", d);
  block.qkv = take_conv(taker, h + "attn.c_attn", d, 3 * d);
  // Views into the stored matrix: named weights need them separately, the forward uses the whole.
  block.q = columns(block.qkv, 0, d);
  block.k = columns(block.qkv, d, d);
  block.v = columns(block.qkv, 2 * d, d);
  block.o = take_conv(taker, h + "attn.c_proj", d, d);
  block.in = take_conv(taker, h + "mlp.c_fc", d, spec.mlp.d_mlp);
  block.out = take_conv(taker, h + "mlp.c_proj", spec.mlp.d_mlp, d);
  return block;
}

ModelWeights take_gpt2_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights;
  weights.embedding = taker.take("wte.weight", {spec.vocab_size, spec.d_model});
  weights.positions = taker.take("wpe.weight", {spec.max_positions, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_gpt2_block(spec, taker, layer));
  weights.ln_final = take_norm(taker, "ln_f", spec.d_model);
  weights.unembedding = taker.take_unembedding(spec, "lm_head.weight", weights.embedding);
  return weights;
}

}  // namespace

const Family kGpt2Family{
    "gpt2",         "transformer.",    {"h.*.attn.bias", "h.*.attn.masked_bias"},
    read_gpt2_spec, take_gpt2_weights, "GPT2LMHeadModel"};

}  // namespace lensbench
