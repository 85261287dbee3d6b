#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <string>

#include "model/families/config_parts.hpp"
#include "model/families/family.hpp"
#include "model/families/weight_parts.hpp"

namespace lensbench {
namespace {

/// XGLM: positions from sines and cosines after two unused rows, a scaled embedding.
TransformerSpec read_xglm_spec(const ConfigReader& config) {
  refuse_common(config);
  TransformerSpec spec;
  spec.family = "xglm";
  spec.n_layers =
      config.integer_or(spelling(config, "num_layers", "num_hidden_layers"), 24, kLayers);
  spec.d_model =
      config.integer_or(spelling(config, "d_model", "hidden_size"), 1024, {4, kDimension.max});
  spec.vocab_size = config.integer_or("vocab_size", 256008);
  spec.max_positions = config.integer_or("max_position_embeddings", 2048);
  spec.position_offset = 2;
  const std::string_view heads = spelling(config, "attention_heads", "num_attention_heads");
  set_heads(config, heads, config.integer_or(heads, 16), spec);
  if (config.boolean_or("scale_embedding", true))
    spec.embedding_scale = std::sqrt(static_cast<double>(spec.d_model));
  spec.wide_embedding_scale = true;
  spec.mlp.d_mlp = config.integer_or("ffn_dim", 4096);
  spec.mlp.activation = read_activation(config, "activation_function", "gelu");
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", true);
  // A row of the table that the reference sets to zero; the first two are never read.
  if (config.integer_or("pad_token_id", 1, {-1, kDimension.max}) >= spec.position_offset)
    config.fail("pad_token_id", "is above 1, which would remove a position; expected at most 1");
  return spec;
}

/// Table of positions that no checkpoint stores: sines, then cosines, of wavelengths from 2 pi to
/// 20000 pi. \param like  an embedding, for type and device
at::Tensor sinusoidal_positions(const TransformerSpec& spec, const at::Tensor& like) {
  const std::int64_t rows = spec.max_positions + spec.position_offset, half = spec.d_model / 2;
  const double step = std::log(10000.0) / static_cast<double>(half - 1);
  const at::Tensor frequency = at::arange(half, at::kFloat).mul(-step).exp();
  const at::Tensor angle = at::arange(rows, at::kFloat).unsqueeze(1).mul(frequency.unsqueeze(0));
  at::Tensor table = at::cat({angle.sin(), angle.cos()}, 1);
  if (spec.d_model % 2 != 0) table = at::cat({table, at::zeros({rows, 1})}, 1);
  return table.to(like.device(), like.scalar_type());
}

/// The norm before the MLP has the name of a final norm, as in OPT.
BlockWeights take_xglm_block(const TransformerSpec& spec, WeightTaker& taker, std::int64_t layer) {
  const std::string prefix = "layers." + std::to_string(layer) + ".";
  const std::string attn = prefix + "self_attn.";
  const std::int64_t d = spec.d_model;
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, prefix + "self_attn_layer_norm");
  block.ln2 = take_norm(taker, spec, prefix + "final_layer_norm");
  block.q = take_linear(taker, attn + "q_proj", d, d, true);
  block.k = take_linear(taker, attn + "k_proj", d, d, true);
  block.v = take_linear(taker, attn + "v_proj", d, d, true);
  block.o = take_linear(taker, attn + "out_proj", d, d, true);
  block.in = take_linear(taker, prefix + "fc1", d, spec.mlp.d_mlp, true);
  block.out = take_linear(taker, prefix + "fc2", spec.mlp.d_mlp, d, true);
  return block;
}

ModelWeights take_xglm_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights;
  weights.embedding = taker.take("embed_tokens.weight", {spec.vocab_size, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_xglm_block(spec, taker, layer));
  weights.ln_final = take_norm(taker, spec, "layer_norm");
  weights.unembedding = taker.take_unembedding(spec, "lm_head.weight", weights.embedding);
  if (weights.embedding.defined())
    weights.positions = sinusoidal_positions(spec, weights.embedding);
  return weights;
}

}  // namespace

const Family kXglmFamily{"xglm",         "model.",          {"embed_positions.weights"},
                         read_xglm_spec, take_xglm_weights, "XGLMForCausalLM"};

}  // namespace lensbench
