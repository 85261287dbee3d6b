#include <algorithm>

#include "model/families/family.hpp"
#include "model/families/mixture_parts.hpp"
#include "model/forward/rope.hpp"

namespace lensbench {
namespace {

/// Blocks whose MLP is a mixture: those in `moe_layers`, or without such a list every
/// `interleave_moe_layer_step`th.
std::vector<bool> read_mixture_blocks(const ConfigReader& config, std::int64_t n_layers) {
  constexpr const char* field = "moe_layers";
  // A list makes the step unused; a model without experts may have an empty list and the step 0.
  const std::int64_t step = config.integer_or("interleave_moe_layer_step", 1,
                                              {config.has(field) ? 0 : 1, kDimension.max});
  const std::vector<std::int64_t> list = config.integer_or_integers(field, {0, kDimension.max});
  std::vector<bool> mixtures;
  for (std::int64_t layer = 0; layer < n_layers; ++layer)
    mixtures.push_back(config.has(field) ? std::find(list.begin(), list.end(), layer) != list.end()
                                         : (layer + 1) % step == 0);
  return mixtures;
}

/// Number of dense blocks before the mixtures. \throws InputError for a dense block after a mixture
std::int64_t read_dense_blocks(const ConfigReader& config, std::int64_t n_layers) {
  const std::vector<bool> mixtures = read_mixture_blocks(config, n_layers);
  const auto first = std::find(mixtures.begin(), mixtures.end(), true);
  if (const auto later = std::find(first, mixtures.end(), false); later != mixtures.end())
    config.fail(config.has("moe_layers") ? "moe_layers" : "interleave_moe_layer_step",
                "leaves layer " + std::to_string(later - mixtures.begin()) +
                    " without experts although layer " + std::to_string(first - mixtures.begin()) +
                    " has them, which is not supported; expected all layers without experts "
                    "before those with them");
  return first - mixtures.begin();
}

/// An expert for every token, and others whose shares are sigmoids.
void read_llama4_experts(const ConfigReader& config, TransformerSpec& spec) {
  const std::int64_t dense = read_dense_blocks(config, spec.n_layers);
  const std::int64_t dense_width = config.integer_or("intermediate_size_mlp", 16384);
  const std::int64_t experts = config.integer_or("num_local_experts", 16, {1, 65536});
  const std::int64_t per_token = config.integer_or("num_experts_per_tok", 1, {1, experts});
  if (dense == spec.n_layers) {
    spec.mlp.d_mlp = dense_width;
    return;
  }
  spec.dense_blocks = dense;
  spec.d_dense_mlp = dense_width;
  spec.mlp.n_experts = experts;
  spec.mlp.experts_per_token = per_token;
  spec.d_shared_expert = spec.mlp.d_mlp;
  spec.shared_expert_gate = false;
  spec.routing.sigmoid = true;
  spec.renormalized_experts = false;
}

/// Attention in chunks of the text, which are windows below 0, in blocks that rotate or by
/// `layer_types`.
std::vector<std::int64_t> read_chunks(const ConfigReader& config, const TransformerSpec& spec) {
  constexpr const char* field = "attention_chunk_size";
  const std::optional<std::int64_t> size = nullable_integer(config, field, 8192);
  const std::optional<std::vector<bool>> types =
      read_layer_types(config, spec.n_layers, "chunked_attention");
  std::vector<std::int64_t> windows;
  for (std::int64_t layer = 0; layer < spec.n_layers; ++layer) {
    const bool chunked =
        types ? (*types)[static_cast<std::size_t>(layer)] : size && spec.rotates(layer);
    if (chunked && !size)
      config.fail(field,
                  "is null although layer_types has chunked_attention; give the number of "
                  "tokens of a chunk");
    windows.push_back(chunked ? -*size : 0);
  }
  return windows;
}

/// The reference normalises after the rotation, which does not change the size of a vector except
/// by the factor of the scaling. A norm before it is the same without that factor.
void read_llama4_norm(const ConfigReader& config, TransformerSpec& spec) {
  if (!config.boolean_or("use_qk_norm", true)) return;
  const double factor = attention_factor(*spec.rope);
  spec.attention.query_key_norm = NormSpec{.kind = NormKind::rms_norm,
                                           .epsilon = spec.norm.epsilon / (factor * factor),
                                           .has_bias = false,
                                           .has_gain = false};
  spec.rope->attention_factor = 1.0;
}

/// Growth of the queries of blocks without rotation. The field is a boolean, and a number in older
/// configurations.
void read_temperature(const ConfigReader& config, TransformerSpec& spec) {
  constexpr const char* field = "attn_temperature_tuning";
  const nlohmann::json* tuning = config.raw(field);
  const bool on = tuning != nullptr && tuning->is_number_integer()
                      ? config.integer(field, {0, kDimension.max}) != 0
                      : config.boolean_or(field, true);
  const double growth = config.number_or("attn_scale", 0.1);
  spec.query_growth = on ? growth : 0.0;
  spec.query_growth_positions = config.integer_or("floor_scale", 8192);
}

/// Llama 4: chunks in blocks that rotate, whole attention in the others, a mixture of experts.
TransformerSpec read_llama4_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(config, {.family = "llama4_text",
                                               .max_positions = 131072,
                                               .key_value_heads = 8,
                                               .d_head = 128,
                                               .norm = {NormKind::rms_norm, 1e-5, false, false},
                                               .rope = {.theta = 5e5}});
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  spec.rope->interleaved = true;
  spec.unrotated_blocks = read_unrotated(config, spec.n_layers, true);
  spec.attention.windows = read_chunks(config, spec);
  read_llama4_norm(config, spec);
  read_temperature(config, spec);
  read_llama4_experts(config, spec);
  return spec;
}

FamilySettings read_llama4_settings(const ConfigReader&, const TransformerSpec&) {
  return {.shares_scale_inputs = true, .growth_without_rotation = true};
}

/// The matrices of the experts are stored [in, out], with the gate before the input.
void take_llama4_experts(const TransformerSpec& spec, WeightTaker& taker, const std::string& prefix,
                         BlockWeights& block) {
  const std::int64_t n = spec.mlp.n_experts, d = spec.d_model, inner = spec.mlp.d_mlp;
  const at::Tensor both = taker.take(prefix + "gate_up_proj", {n, d, 2 * inner});
  const at::Tensor down = taker.take(prefix + "down_proj", {n, inner, d});
  if (!both.defined() || !down.defined()) return;
  for (std::int64_t expert = 0; expert < n; ++expert)
    block.experts.push_back({{both[expert].narrow(1, 0, inner), {}},
                             {both[expert].narrow(1, inner, inner), {}},
                             {down[expert], {}}});
}

BlockWeights take_llama4_block(const TransformerSpec& spec, WeightTaker& taker, std::int64_t layer,
                               const std::string& prefix) {
  const std::string mlp = prefix + "feed_forward.";
  BlockWeights block;
  take_block_norms(spec, taker, prefix, block);
  take_attention(spec, taker, prefix + "self_attn.", block);
  if (spec.is_mixture(layer)) {
    block.router = take_linear(taker, mlp + "router", spec.d_model, spec.mlp.n_experts);
    take_llama4_experts(spec, taker, mlp + "experts.", block);
    block.shared_expert = take_expert(spec, taker, mlp + "shared_expert.", spec.d_shared_expert);
    return block;
  }
  const ExpertWeights dense = take_expert(spec, taker, mlp, spec.dense_width());
  block.gate = dense.gate;
  block.in = dense.in;
  block.out = dense.out;
  return block;
}

ModelWeights take_llama4_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder_blocks(spec, taker, [&](std::int64_t layer, const std::string& prefix) {
    return take_llama4_block(spec, taker, layer, prefix);
  });
}

}  // namespace

const Family kLlama4Family{"llama4_text",       "model.",
                           kRotaryBuffers,      read_llama4_spec,
                           take_llama4_weights, "Llama4ForCausalLM",
                           read_llama4_settings};

}  // namespace lensbench
