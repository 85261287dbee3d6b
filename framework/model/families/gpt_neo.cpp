#include <string>

#include "model/families/config_parts.hpp"
#include "model/families/family.hpp"
#include "model/families/weight_parts.hpp"

namespace lensbench {
namespace {

constexpr const char* kTypes = "attention_types";

[[noreturn]] void fail_types(const ConfigReader& config) {
  config.fail(kTypes,
              "must be a list of [[kinds], times], for instance [[[\"global\", \"local\"], 12]]");
}

/// Reads attention kinds: `[[["global", "local"], 12]]` repeats both twelve times. \return one per
/// block
std::vector<std::string> attention_layers(const ConfigReader& config) {
  const nlohmann::json otherwise = {{{"global", "local"}, 12}};
  const nlohmann::json types = config.raw(kTypes) ? *config.raw(kTypes) : otherwise;
  std::vector<std::string> layers;
  if (!types.is_array()) fail_types(config);
  for (const nlohmann::json& entry : types) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_array() ||
        !entry[1].is_number_integer() || entry[1] < 1 || entry[1] > kLayers.max)
      fail_types(config);
    for (std::int64_t times = entry[1]; times > 0; --times)
      for (const nlohmann::json& kind : entry[0]) {
        if (kind != "global" && kind != "local") fail_types(config);
        layers.push_back(kind);
        // The check within the loops keeps a hostile count from filling the memory.
        if (std::ssize(layers) > kLayers.max) fail_types(config);
      }
  }
  return layers;
}

/// Windows from `attention_types`. `attention_layers` is the same list written out, which some
/// configs have too.
void read_windows(const ConfigReader& config, TransformerSpec& spec) {
  const std::vector<std::string> layers = attention_layers(config);
  if (std::ssize(layers) != spec.n_layers)
    config.fail("attention_types", "describes " + std::to_string(layers.size()) +
                                       " layers, but num_layers is " +
                                       std::to_string(spec.n_layers));
  if (config.has("attention_layers") && config.strings("attention_layers") != layers)
    config.fail("attention_layers", "differs from attention_types; they must agree");
  const std::int64_t window = config.integer_or("window_size", 256);
  for (const std::string& kind : layers)
    spec.attention.windows.push_back(kind == "local" ? window : 0);
}

/// GPT-Neo: a GPT-2 with local attention in every other block by default, and unscaled scores.
TransformerSpec read_gpt_neo_spec(const ConfigReader& config) {
  refuse_common(config);
  TransformerSpec spec;
  spec.family = "gpt_neo";
  spec.n_layers =
      config.integer_or(spelling(config, "num_layers", "num_hidden_layers"), 24, kLayers);
  spec.d_model = config.integer_or("hidden_size", 2048);
  spec.vocab_size = config.integer_or("vocab_size", 50257);
  spec.max_positions = config.integer_or("max_position_embeddings", 2048);
  spec.norm.epsilon = config.number_or("layer_norm_epsilon", 1e-5, kPositive);
  const std::string_view heads = spelling(config, "num_heads", "num_attention_heads");
  set_heads(config, heads, config.integer_or(heads, 16), spec);
  spec.attention.scale = 1.0;  // products of queries and keys are not scaled
  read_windows(config, spec);
  spec.mlp.d_mlp = config.integer_or("intermediate_size", 4 * spec.d_model);
  spec.mlp.activation = read_activation(config, "activation_function", "gelu_new");
  spec.tied_unembedding = config.boolean_or("tie_word_embeddings", true);
  return spec;
}

/// Only the projection of attention back into the stream has a bias.
BlockWeights take_gpt_neo_block(const TransformerSpec& spec, WeightTaker& taker,
                                std::int64_t layer) {
  const std::string h = "h." + std::to_string(layer) + ".", attn = h + "attn.attention.";
  const std::int64_t d = spec.d_model;
  BlockWeights block;
  block.ln1 = take_norm(taker, spec, h + "ln_1");
  block.ln2 = take_norm(taker, spec, h + "ln_2");
  block.q = take_linear(taker, attn + "q_proj", d, d, false);
  block.k = take_linear(taker, attn + "k_proj", d, d, false);
  block.v = take_linear(taker, attn + "v_proj", d, d, false);
  block.o = take_linear(taker, attn + "out_proj", d, d, true);
  block.in = take_linear(taker, h + "mlp.c_fc", d, spec.mlp.d_mlp, true);
  block.out = take_linear(taker, h + "mlp.c_proj", spec.mlp.d_mlp, d, true);
  return block;
}

ModelWeights take_gpt_neo_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights;
  weights.embedding = taker.take("wte.weight", {spec.vocab_size, spec.d_model});
  weights.positions = taker.take("wpe.weight", {spec.max_positions, spec.d_model});
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer)
    weights.blocks.push_back(take_gpt_neo_block(spec, taker, layer));
  weights.ln_final = take_norm(taker, spec, "ln_f");
  weights.unembedding = taker.take_unembedding(spec, "lm_head.weight", weights.embedding);
  return weights;
}

}  // namespace

const Family kGptNeoFamily{"gpt_neo",
                           "transformer.",
                           {"h.*.attn.attention.bias", "h.*.attn.attention.masked_bias"},
                           read_gpt_neo_spec,
                           take_gpt_neo_weights,
                           "GPTNeoForCausalLM"};

}  // namespace lensbench
