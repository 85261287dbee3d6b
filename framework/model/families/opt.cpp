#include <string>

#include "model/families/config_parts.hpp"
#include "model/families/family.hpp"
#include "model/families/weight_parts.hpp"

namespace lensbench {
namespace {

void read_opt_norms(const ConfigReader& config, TransformerSpec& spec) {
  const bool before = config.boolean_or("do_layer_norm_before", true);
  spec.norm_placement = before ? NormPlacement::before : NormPlacement::after_add;
  spec.final_norm = before && !config.boolean_or("_remove_final_layer_norm", false);
  spec.norm.has_gain = spec.norm.has_bias =
      config.boolean_or("layer_norm_elementwise_affine", true);
}

/// OPT: learned positions after two unused rows of the table, ReLU. OPT-350m has an embedding
/// narrower than the stream, a projection on each side, and norms after the additions.
TransformerSpec read_opt_spec(const ConfigReader& config) {
  refuse_common(config);
  TransformerSpec spec;
  spec.family = "opt";
  spec.n_layers = config.integer_or("num_hidden_layers", 12, kLayers);
  spec.d_model = config.integer_or("hidden_size", 768);
  spec.vocab_size = config.integer_or("vocab_size", 50272);
  spec.max_positions = config.integer_or("max_position_embeddings", 2048);
  spec.position_offset = 2;
  // A width equal to that of the stream means that there is no projection.
  const std::int64_t width = config.integer_or("word_embed_proj_dim", spec.d_model);
  if (width != spec.d_model) spec.d_embedding = width;
  read_opt_norms(config, spec);

  set_heads(config, "num_attention_heads", config.integer_or("num_attention_heads", 12), spec);
  spec.attention_bias = spec.mlp_bias = config.boolean_or("enable_bias", true);
  spec.mlp.d_mlp = config.integer_or("ffn_dim", 3072);
  spec.mlp.activation = read_activation(config, "activation_function", "relu");
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

/// The norm before the MLP has the name of a final norm in these checkpoints.
BlockWeights take_opt_block(const TransformerSpec& spec, WeightTaker& taker, std::int64_t layer) {
  const std::string prefix = "decoder.layers." + std::to_string(layer) + ".";
  const std::string attn = prefix + "self_attn.";
  const std::int64_t d = spec.d_model;
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, prefix + "self_attn_layer_norm");
  block.ln2 = take_norm(taker, spec, prefix + "final_layer_norm");
  block.q = take_linear(taker, attn + "q_proj", d, d, spec.attention_bias);
  block.k = take_linear(taker, attn + "k_proj", d, d, spec.attention_bias);
  block.v = take_linear(taker, attn + "v_proj", d, d, spec.attention_bias);
  block.o = take_linear(taker, attn + "out_proj", d, d, spec.attention_bias);
  block.in = take_linear(taker, prefix + "fc1", d, spec.mlp.d_mlp, spec.mlp_bias);
  block.out = take_linear(taker, prefix + "fc2", spec.mlp.d_mlp, d, spec.mlp_bias);
  return block;
}

ModelWeights take_opt_weights(const TransformerSpec& spec, WeightTaker& taker) {
  const std::int64_t d = spec.d_model, width = spec.embedding_width();
  ModelWeights weights;
  weights.embedding = taker.take("decoder.embed_tokens.weight", {spec.vocab_size, width});
  weights.positions =
      taker.take("decoder.embed_positions.weight", {spec.max_positions + spec.position_offset, d});
  if (spec.d_embedding > 0) {
    weights.project_in = take_linear(taker, "decoder.project_in", width, d, false);
    weights.project_out = take_linear(taker, "decoder.project_out", d, width, false);
  }
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_opt_block(spec, taker, layer));
  if (spec.final_norm) weights.ln_final = take_norm(taker, spec, "decoder.final_layer_norm");
  weights.unembedding = taker.take_unembedding(spec, "lm_head.weight", weights.embedding);
  return weights;
}

}  // namespace

const Family kOptFamily{"opt",         "model.",         {"decoder.version"},
                        read_opt_spec, take_opt_weights, "OPTForCausalLM"};

}  // namespace lensbench
