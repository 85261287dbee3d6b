#include <string>
#include <utility>

#include "model/families/config_parts.hpp"
#include "model/families/decoder_parts.hpp"
#include "model/families/family.hpp"
#include "model/families/vision_parts.hpp"

namespace lensbench {
namespace {

/// Frequencies of published models by temporal, vertical and horizontal position.
const std::vector<std::int64_t> kSections = {16, 24, 24};

/// The fields of the text model, in an object of their own where newer programs saved them.
ConfigReader text_config(const ConfigReader& config) {
  const auto text = config.object("text_config");
  return text ? *text : config;
}

/// Saves of transformers 4 have the field in `text_config` alone.
bool tied(const ConfigReader& config) {
  return config.boolean_or("tie_word_embeddings", false) ||
         text_config(config).boolean_or("tie_word_embeddings", false);
}

/// The text model is Qwen2 with three positions a token; the tower differs between the two.
TransformerSpec read_qwen_vl(const ConfigReader& config, const char* family,
                             const TowerDefaults& tower) {
  const ConfigReader text = text_config(config);
  DecoderDefaults defaults{.family = family, .max_positions = 32768, .key_value_heads = 32};
  defaults.rope.theta = 1e6;
  defaults.rope.sections = kSections;
  TransformerSpec spec = read_decoder(text, defaults);
  spec.attention_bias = true;
  spec.attention.windows = read_qwen_windows(text, spec.n_layers);
  spec.tied_unembedding = tied(config);
  spec.vision = read_vision(config, spec.d_model, tower);
  for (const auto& [field, id] : {std::pair{"image_token_id", spec.vision->image_token_id},
                                  {"video_token_id", spec.vision->video_token_id}})
    if (id >= spec.vocab_size)
      config.fail(field, "is " + std::to_string(id) + ", which is outside the vocabulary of " +
                             std::to_string(spec.vocab_size) + " tokens");
  return spec;
}

TransformerSpec read_qwen2_vl_spec(const ConfigReader& config) {
  return read_qwen_vl(
      config, "qwen2_vl",
      {.width_field = "embed_dim", .output_field = "hidden_size", .windows = false});
}

TransformerSpec read_qwen25_vl_spec(const ConfigReader& config) {
  return read_qwen_vl(
      config, "qwen2_5_vl",
      {.width_field = "hidden_size", .output_field = "out_hidden_size", .windows = true});
}

ModelWeights take_qwen_vl_weights(const TransformerSpec& spec, WeightTaker& taker) {
  ModelWeights weights = take_decoder(spec, taker);
  weights.tower = take_tower(*spec.vision, spec.d_model, taker);
  return weights;
}

}  // namespace

const Family kQwen2VlFamily{"qwen2_vl",           "model.",
                            kRotaryBuffers,       read_qwen2_vl_spec,
                            take_qwen_vl_weights, "Qwen2VLForConditionalGeneration"};
const Family kQwen25VlFamily{"qwen2_5_vl",         "model.",
                             kRotaryBuffers,       read_qwen25_vl_spec,
                             take_qwen_vl_weights, "Qwen2_5_VLForConditionalGeneration"};

}  // namespace lensbench
