#include "model/families/family.hpp"
#include "model/families/granite_parts.hpp"

namespace lensbench {
namespace {

TransformerSpec read_granite_spec(const ConfigReader& config) {
  TransformerSpec spec = read_granite(config, "granite");
  spec.mlp_bias = config.boolean_or("mlp_bias", false);
  return spec;
}

ModelWeights take_granite_weights(const TransformerSpec& spec, WeightTaker& taker) {
  return take_decoder(spec, taker);
}

}  // namespace

TransformerSpec read_granite(const ConfigReader& config, std::string_view family) {
  TransformerSpec spec = read_decoder(config, {.family = family});
  spec.attention_bias = spec.attention_output_bias = config.boolean_or("attention_bias", false);
  // Scores have this factor in place of one over the root of the head size.
  spec.attention.scale = config.number_or("attention_multiplier", 1.0);
  spec.embedding_scale = config.number_or("embedding_multiplier", 1.0);
  spec.wide_embedding_scale = true;
  spec.residual_scale = config.number_or("residual_multiplier", 1.0);
  spec.logit_scale = 1.0 / config.number_or("logits_scaling", 1.0, kPositive);
  return spec;
}

const Family kGraniteFamily{
    "granite",           "model.", kRotaryBuffers, read_granite_spec, take_granite_weights,
    "GraniteForCausalLM"};

}  // namespace lensbench
