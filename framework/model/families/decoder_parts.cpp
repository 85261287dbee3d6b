#include "model/families/decoder_parts.hpp"

#include <cmath>

#include "model/forward/linear.hpp"

namespace lensbench {
namespace {

/// Counts and sizes of heads. `head_dim` is independent of the width of the stream: the heads of
/// some models (Gemma, Qwen3) are together wider or narrower than it.
void read_heads(const ConfigReader& config, const DecoderDefaults& defaults,
                TransformerSpec& spec) {
  AttentionSpec& attention = spec.attention;
  attention.n_heads = config.integer("num_attention_heads");
  attention.n_key_value_heads =
      nullable_integer(config, "num_key_value_heads", defaults.key_value_heads)
          .value_or(attention.n_heads);
  if (attention.n_heads % attention.n_key_value_heads != 0)
    config.fail("num_key_value_heads", "is " + std::to_string(attention.n_key_value_heads) +
                                           ", which does not divide num_attention_heads " +
                                           std::to_string(attention.n_heads));
  const std::optional<std::int64_t> d_head = nullable_integer(config, "head_dim", defaults.d_head);
  if (!d_head && spec.d_model % attention.n_heads != 0)
    config.fail("num_attention_heads", "is " + std::to_string(attention.n_heads) +
                                           ", which does not divide hidden_size " +
                                           std::to_string(spec.d_model));
  attention.d_head = d_head.value_or(spec.d_model / attention.n_heads);
  if (attention.d_head % 2 != 0)
    config.fail("head_dim", "is " + std::to_string(attention.d_head) +
                                "; rotary positions need an even number");
  attention.scale = 1.0 / std::sqrt(static_cast<double>(attention.d_head));
}

}  // namespace

/// Configuration that decoders of the Llama kind have in common; families change the returned
/// values where they differ.
TransformerSpec read_decoder(const ConfigReader& config, const DecoderDefaults& defaults) {
  refuse_common(config);
  TransformerSpec spec;
  spec.family = defaults.family;
  spec.n_layers = config.integer("num_hidden_layers", kLayers);
  spec.d_model = config.integer("hidden_size");
  spec.vocab_size = config.integer("vocab_size");
  spec.norm = defaults.norm;
  spec.norm.epsilon = config.number_or(defaults.epsilon_field, defaults.norm.epsilon, kPositive);
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", defaults.tied);
  read_heads(config, defaults, spec);

  const std::int64_t max_positions =
      config.integer_or("max_position_embeddings", defaults.max_positions);
  spec.position = PositionKind::rotary;
  spec.max_positions = max_positions;
  // Families with several rotations read them themselves.
  if (!defaults.own_rope) {
    spec.rope = read_rope(config, spec.attention.d_head, max_positions, defaults.rope);
    spec.max_positions = longest_sequence(*spec.rope, max_positions);
  }

  spec.mlp.d_mlp = config.integer("intermediate_size");
  if (defaults.xielu && config.string_or(defaults.activation_field, "xielu") == "xielu")
    spec.mlp.activation = Activation::xielu;
  else
    spec.mlp.activation = read_activation(config, defaults.activation_field, defaults.activation);
  spec.mlp.gated = true;
  spec.attention_bias = spec.attention_output_bias = spec.mlp_bias = false;
  return spec;
}

/// Qwen slides in the blocks from `max_window_layers` on only.
std::vector<std::int64_t> read_qwen_windows(const ConfigReader& config, std::int64_t n_layers) {
  std::optional<std::int64_t> window = nullable_integer(config, "sliding_window", 4096);
  // Published configs name a window size although the window is off.
  if (!config.boolean_or("use_sliding_window", false)) window = std::nullopt;
  const std::int64_t first = config.integer_or("max_window_layers", 28, {0, kDimension.max});
  return read_windows(config, n_layers, window,
                      [&](std::int64_t layer) { return window && layer >= first; });
}

void take_attention(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                    BlockWeights& block, const char* output) {
  const AttentionSpec& attention = spec.attention;
  const std::int64_t d = spec.d_model, q = attention.n_heads * attention.d_head;
  const std::int64_t kv = attention.n_key_value_heads * attention.d_head;
  block.q = take_linear(taker, prefix + "q_proj", d, q, spec.attention_bias);
  block.k = take_linear(taker, prefix + "k_proj", d, kv, spec.attention_bias);
  block.v = take_linear(taker, prefix + "v_proj", d, kv, spec.attention_bias);
  block.o = take_linear(taker, prefix + output, q, d, spec.attention_output_bias);
}

void take_query_key_norms(const TransformerSpec& spec, WeightTaker& taker,
                          const std::string& prefix, BlockWeights& block, const char* query,
                          const char* key) {
  const AttentionSpec& attention = spec.attention;
  if (!attention.query_key_norm) return;
  // A norm over all heads (OLMo 2) has a gain for each of their dimensions, a norm of single heads
  // one that all heads share.
  const auto size = [&](std::int64_t heads) {
    return attention.d_head * (attention.query_key_norm_whole ? heads : 1);
  };
  const NormSpec& norm = *attention.query_key_norm;
  block.q_norm = take_norm(taker, norm, prefix + query, size(attention.n_heads));
  block.k_norm = take_norm(taker, norm, prefix + key, size(attention.n_key_value_heads));
}

void take_gated_mlp(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                    BlockWeights& block) {
  const std::int64_t d = spec.d_model, inner = spec.mlp.d_mlp;
  block.gate = take_linear(taker, prefix + "gate_proj", d, inner, spec.mlp_bias);
  block.in = take_linear(taker, prefix + "up_proj", d, inner, spec.mlp_bias);
  block.out = take_linear(taker, prefix + "down_proj", inner, d, spec.mlp_bias);
}

void take_fused_mlp(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                    BlockWeights& block) {
  const std::int64_t d = spec.d_model, inner = spec.mlp.d_mlp;
  const Linear gate_and_in = take_linear(taker, prefix + "gate_up_proj", d, 2 * inner);
  block.gate = columns(gate_and_in, 0, inner);
  block.in = columns(gate_and_in, inner, inner);
  block.out = take_linear(taker, prefix + "down_proj", inner, d);
}

void take_plain_mlp(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                    BlockWeights& block, const char* in, const char* out) {
  const std::int64_t d = spec.d_model, inner = spec.mlp.d_mlp;
  block.in = take_linear(taker, prefix + in, d, inner, spec.mlp_bias);
  block.out = take_linear(taker, prefix + out, inner, d, spec.mlp_bias);
}

void take_block_norms(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                      BlockWeights& block) {
  // The name post_attention_layernorm means the norm after attention if norms follow the sublayers,
  // and otherwise the norm before the MLP.
  const auto norm = [&](const char* name) { return take_norm(taker, spec, prefix + name); };
  const bool after = spec.norm_placement != NormPlacement::before;
  const bool before = spec.norm_placement != NormPlacement::after_sublayer;
  if (before) block.ln1 = norm("input_layernorm");
  if (after) block.ln1_post = norm("post_attention_layernorm");
  if (before && !spec.shared_parallel_norm)
    block.ln2 = norm(after ? "pre_feedforward_layernorm" : "post_attention_layernorm");
  if (after) block.ln2_post = norm("post_feedforward_layernorm");
}

BlockWeights take_decoder_block(const TransformerSpec& spec, WeightTaker& taker,
                                const std::string& prefix) {
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, prefix + "self_attn.", block);
  take_query_key_norms(spec, taker, prefix + "self_attn.", block);
  take_gated_mlp(spec, taker, prefix + "mlp.", block);
  return block;
}

ModelWeights take_decoder(const TransformerSpec& spec, WeightTaker& taker,
                          BlockWeights (*take_block)(const TransformerSpec& spec,
                                                     WeightTaker& taker, const std::string& prefix),
                          const std::string& final_norm) {
  return take_decoder_blocks(
      spec, taker,
      [&](std::int64_t, const std::string& prefix) { return take_block(spec, taker, prefix); },
      final_norm);
}

/// Tensors of the names of Llama; `take_block` takes those of a block after its prefix.
ModelWeights take_decoder_blocks(
    const TransformerSpec& spec, WeightTaker& taker,
    const std::function<BlockWeights(std::int64_t layer, const std::string& prefix)>& take_block,
    const std::string& final_norm) {
  ModelWeights weights;
  weights.embedding = taker.take("embed_tokens.weight", {spec.vocab_size, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_block(layer, "layers." + std::to_string(layer) + "."));
  weights.ln_final = take_norm(taker, spec, final_norm);
  weights.unembedding = taker.take_unembedding(spec, "lm_head.weight", weights.embedding);
  return weights;
}

}  // namespace lensbench
