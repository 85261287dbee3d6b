#include <string>

#include "model/families/family.hpp"
#include "model/families/gptj_parts.hpp"
#include "model/families/weight_parts.hpp"

namespace lensbench {
namespace {

/// The first `rotary_dim` dimensions of a head rotate in neighbouring pairs, by angles from a table
/// that ends at the last position.
void read_rotation(const ConfigReader& config, TransformerSpec& spec) {
  if (config.is_null("rotary_dim")) config.fail("rotary_dim", "is null; expected a number");
  const std::int64_t dim = config.integer_or("rotary_dim", 64);
  if (dim % 2 != 0 || dim > spec.attention.d_head)
    config.fail("rotary_dim", "is " + std::to_string(dim) +
                                  "; expected an even number, at most the " +
                                  std::to_string(spec.attention.d_head) + " dimensions of a head");
  spec.position = PositionKind::rotary;
  spec.rope.emplace();
  spec.rope->rotary_dim = dim;
  spec.rope->interleaved = true;
  spec.rope->from_table = true;
}

TransformerSpec read_gptj_spec(const ConfigReader& config) {
  return read_gptj(config, "gptj");
}

/// A block has one norm, which attention and MLP share.
BlockWeights take_gptj_block(const TransformerSpec& spec, WeightTaker& taker, std::int64_t layer) {
  const std::string h = "h." + std::to_string(layer) + ".", attn = h + "attn.";
  const std::int64_t d = spec.d_model;
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, h + "ln_1");
  block.q = take_linear(taker, attn + "q_proj", d, d, false);
  block.k = take_linear(taker, attn + "k_proj", d, d, false);
  block.v = take_linear(taker, attn + "v_proj", d, d, false);
  block.o = take_linear(taker, attn + "out_proj", d, d, false);
  block.in = take_linear(taker, h + "mlp.fc_in", d, spec.mlp.d_mlp, true);
  block.out = take_linear(taker, h + "mlp.fc_out", spec.mlp.d_mlp, d, true);
  return block;
}

ModelWeights take_gptj_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights;
  weights.embedding = taker.take("wte.weight", {spec.vocab_size, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_gptj_block(spec, taker, layer));
  weights.ln_final = take_norm(taker, spec, "ln_f");
  weights.unembedding = taker.take_unembedding(spec, "lm_head.weight", weights.embedding);
  weights.unembedding.bias = taker.take_head("lm_head.bias", {spec.vocab_size});
  return weights;
}

}  // namespace

TransformerSpec read_gptj(const ConfigReader& config, std::string_view family) {
  refuse_common(config);
  TransformerSpec spec;
  spec.family = family;
  spec.n_layers = config.integer_or(spelling(config, "n_layer", "num_hidden_layers"), 28, kLayers);
  spec.d_model = config.integer_or(spelling(config, "n_embd", "hidden_size"), 4096);
  spec.vocab_size = config.integer_or("vocab_size", 50400);
  spec.max_positions =
      config.integer_or(spelling(config, "n_positions", "max_position_embeddings"), 2048);
  spec.norm.epsilon = config.number_or("layer_norm_epsilon", 1e-5, kPositive);
  const std::string_view heads = spelling(config, "n_head", "num_attention_heads");
  set_heads(config, heads, config.integer_or(heads, 16), spec);
  read_rotation(config, spec);
  spec.attention_bias = false;
  spec.parallel_blocks = spec.shared_parallel_norm = true;
  spec.mlp.d_mlp = config.integer_or("n_inner", 4 * spec.d_model);
  spec.mlp.activation = read_activation(config, "activation_function", "gelu_new");
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", false);
  return spec;
}

const Family kGptJFamily{"gptj",
                         "transformer.",
                         {"h.*.attn.bias", "h.*.attn.masked_bias", "h.*.attn.embed_positions"},
                         read_gptj_spec,
                         take_gptj_weights,
                         "GPTJForCausalLM"};

}  // namespace lensbench
