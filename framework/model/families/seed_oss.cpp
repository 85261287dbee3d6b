#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"

namespace lensbench {
namespace {

/// Seed-OSS: Llama with biases of queries, keys and values.
TransformerSpec read_seed_oss_spec(const ConfigReader& config) {
  TransformerSpec spec = read_decoder(
      config, {.family = "seed_oss", .max_positions = 524288, .key_value_heads = 8, .d_head = 128});
  spec.attention_bias = config.boolean_or("attention_bias", true);
  spec.attention_output_bias = config.boolean_or("attention_out_bias", false);
  spec.mlp_bias = config.boolean_or("mlp_bias", false);
  return spec;
}

ModelWeights take_seed_oss_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

const Family kSeedOssFamily{
    "seed_oss",          "model.", kRotaryBuffers, read_seed_oss_spec, take_seed_oss_weights,
    "SeedOssForCausalLM"};

}  // namespace lensbench
