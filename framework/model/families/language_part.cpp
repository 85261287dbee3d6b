#include "model/families/language_part.hpp"

#include <array>
#include <lensbench/error.hpp>
#include <utility>

namespace lensbench {
namespace {

using nlohmann::json;

/// Values of the text configuration's class, which published folders leave out.
constexpr std::array<std::pair<const char*, std::int64_t>, 7> kGemma3Defaults = {{
    {"vocab_size", 262208},
    {"hidden_size", 2304},
    {"intermediate_size", 9216},
    {"num_hidden_layers", 26},
    {"num_attention_heads", 8},
    {"num_key_value_heads", 4},
    {"head_dim", 256},
}};

/// The text configuration, with the settings that the outer one decides.
json gemma3_text_config(const Checkpoint& checkpoint) {
  const json& outer = checkpoint.config();
  const auto text = outer.find("text_config");
  if (text == outer.end() || !text->is_object())
    throw InputError(checkpoint.config_path().string() +
                     ": field text_config: missing; a model_type \"gemma3\" has its language model "
                     "there; fetch config.json again");
  json config = *text;
  config["model_type"] = "gemma3_text";
  for (const auto& [field, value] : kGemma3Defaults)
    if (!config.contains(field)) config[field] = value;
  config["tie_word_embeddings"] = outer.value("tie_word_embeddings", json()) != json(false);
  // The class that reads images as well computes its logits without this cap.
  config["final_logit_softcapping"] = nullptr;
  return config;
}

/// The outer settings of generation, and those of the text configuration where the outer one has
/// none.
json generation_of(const json& outer, const json& text) {
  json settings = text;
  for (const auto& [field, value] : outer.items())
    if (!value.is_null()) settings[field] = value;
  return settings;
}

/// Qwen2-VL and Qwen2.5-VL: the family reads both forms of the configuration and the tower; here
/// are the names with which newer programs saved the text model.
void place_qwen_vl(const Checkpoint& checkpoint, LanguagePart& part) {
  constexpr const char* module = "model.language_model.";
  if (checkpoint.has(std::string(module) + "embed_tokens.weight")) part.body_prefix = module;
  const auto text = part.config.find("text_config");
  if (text != part.config.end() && text->is_object())
    part.generation = generation_of(part.config, *text);
}

}  // namespace

LanguagePart language_part(const Checkpoint& checkpoint) {
  LanguagePart part;
  part.config_place = checkpoint.config_path();
  const auto type = checkpoint.config().find("model_type");
  if (type == checkpoint.config().end() || *type != "gemma3") {
    part.config = part.generation = checkpoint.config();
    if (type != checkpoint.config().end() && (*type == "qwen2_vl" || *type == "qwen2_5_vl"))
      place_qwen_vl(checkpoint, part);
    return part;
  }
  part.config = gemma3_text_config(checkpoint);
  part.generation = generation_of(checkpoint.config(), part.config);
  part.config_place += ": text_config";
  part.text_only = true;
  part.body_prefix = "language_model.model.";
  part.head_prefix = "language_model.";
  // The names of the module, which some programs store, instead of the published ones.
  if (constexpr const char* module = "model.language_model.";
      checkpoint.has(std::string(module) + "embed_tokens.weight")) {
    part.body_prefix = module;
    part.head_prefix = "";
  }
  part.other_parts = {"vision_tower.", "multi_modal_projector.", "model.vision_tower.",
                      "model.multi_modal_projector."};
  return part;
}

}  // namespace lensbench
