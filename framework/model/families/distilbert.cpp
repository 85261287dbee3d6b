#include "model/families/encoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// sinusoidal_pos_embds gives only the initial values of the position table, which is always
/// stored.
TransformerSpec read_distilbert_spec(const ConfigReader& config) {
  TransformerSpec spec;
  spec.family = "distilbert";
  set_encoder(config, spec);
  spec.n_layers = config.integer_or(spelling(config, "n_layers", "num_hidden_layers"), 6, kLayers);
  spec.d_model = config.integer_or(spelling(config, "dim", "hidden_size"), 768);
  spec.vocab_size = config.integer_or("vocab_size", 30522);
  spec.max_positions = config.integer_or("max_position_embeddings", 512);
  // Read only to check its type.
  config.boolean_or("sinusoidal_pos_embds", false);
  const std::string_view heads = spelling(config, "n_heads", "num_attention_heads");
  set_heads(config, heads, config.integer_or(heads, 12), spec);
  spec.mlp.d_mlp = config.integer_or("hidden_dim", 3072);
  spec.mlp.activation = spec.head_activation = read_activation(config, "activation", "gelu");
  return spec;
}

/// A block of BERT under the names of DistilBERT's tensors.
BlockWeights take_distilbert_block(const TransformerSpec& spec, WeightTaker& taker,
                                   std::int64_t layer) {
  const std::string prefix = "transformer.layer." + std::to_string(layer) + ".";
  const std::string attn = prefix + "attention.";
  const std::int64_t d = spec.d_model;
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, prefix + "sa_layer_norm");
  block.ln2 = take_norm(taker, spec, prefix + "output_layer_norm");
  block.q = take_linear(taker, attn + "q_lin", d, d, true);
  block.k = take_linear(taker, attn + "k_lin", d, d, true);
  block.v = take_linear(taker, attn + "v_lin", d, d, true);
  block.o = take_linear(taker, attn + "out_lin", d, d, true);
  block.in = take_linear(taker, prefix + "ffn.lin1", d, spec.mlp.d_mlp, true);
  block.out = take_linear(taker, prefix + "ffn.lin2", spec.mlp.d_mlp, d, true);
  return block;
}

ModelWeights take_distilbert_weights(const TransformerSpec& spec, WeightTaker& taker) {
  const std::int64_t d = spec.d_model;
  ModelWeights weights;
  weights.embedding = taker.take("embeddings.word_embeddings.weight", {spec.vocab_size, d});
  weights.positions = taker.take("embeddings.position_embeddings.weight", {spec.max_positions, d});
  weights.ln_embed = take_norm(taker, spec, "embeddings.LayerNorm");
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_distilbert_block(spec, taker, layer));
  weights.prediction_head = take_linear(taker, "vocab_transform", d, d, true, Part::head);
  weights.ln_final = take_norm(taker, spec, "vocab_layer_norm", Part::head);
  weights.unembedding = taker.take_unembedding(spec, "vocab_projector.weight", weights.embedding);
  weights.unembedding.bias = taker.take_head("vocab_projector.bias", {spec.vocab_size});
  return weights;
}

}  // namespace

const Family kDistilBertFamily{
    "distilbert",         "distilbert.",           {"embeddings.position_ids"},
    read_distilbert_spec, take_distilbert_weights, "DistilBertForMaskedLM"};

}  // namespace lensbench
