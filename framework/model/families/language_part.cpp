#include "model/families/language_part.hpp"

#include <algorithm>
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

/// The text configuration as it is stored. \throws InputError if it is missing
json stored_text_config(const Checkpoint& checkpoint) {
  const json& outer = checkpoint.config();
  const auto text = outer.find("text_config");
  if (text == outer.end() || !text->is_object())
    throw InputError(checkpoint.config_path().string() +
                     ": field text_config: missing; a model_type " + outer.at("model_type").dump() +
                     " has its language model there; fetch config.json again");
  return *text;
}

/// The outer configuration decides whether the unembedding is tied, and by default it is.
json gemma3_text_config(const Checkpoint& checkpoint) {
  json config = stored_text_config(checkpoint);
  config["model_type"] = "gemma3_text";
  for (const auto& [field, value] : kGemma3Defaults)
    if (!config.contains(field)) config[field] = value;
  config["tie_word_embeddings"] =
      checkpoint.config().value("tie_word_embeddings", json()) != json(false);
  // The class that reads images as well computes its logits without this cap.
  config["final_logit_softcapping"] = nullptr;
  return config;
}

/// The outer configuration decides whether the unembedding is tied. Published folders leave the
/// field out; the class then ties it, except to an unembedding that the folder stores.
json mistral3_text_config(const Checkpoint& checkpoint) {
  json config = stored_text_config(checkpoint);
  const json type = config.value("model_type", json("mistral"));
  if (type != json("mistral") && type != json("ministral3"))
    throw InputError(checkpoint.config_path().string() + ": text_config: field model_type: is " +
                     type.dump() +
                     ", which is not supported in a model_type \"mistral3\"; expected \"mistral\" "
                     "or \"ministral3\"");
  config["model_type"] = type;
  const json tied = checkpoint.config().value("tie_word_embeddings", json());
  const bool stored =
      checkpoint.has("language_model.lm_head.weight") || checkpoint.has("lm_head.weight");
  config["tie_word_embeddings"] = tied.is_null() ? json(!stored) : tied;
  return config;
}

/// The class reads a text configuration of any name as its own, which decides about tying too.
json llama4_text_config(const Checkpoint& checkpoint) {
  json config = stored_text_config(checkpoint);
  config["model_type"] = "llama4_text";
  return config;
}

/// A kind of checkpoint of text and images whose text alone is read.
struct TextAndImages {
  std::string_view model_type;
  json (*text_config)(const Checkpoint& checkpoint);
  std::vector<std::string_view> other_parts;  ///< beginnings of the names of other tensors
};

const std::vector<TextAndImages>& kinds_of_text_and_images() {
  static const std::vector<std::string_view> tower_and_projector = {
      "vision_tower.", "multi_modal_projector.", "model.vision_tower.",
      "model.multi_modal_projector."};
  static const std::vector<TextAndImages> kinds = {
      {"gemma3", gemma3_text_config, tower_and_projector},
      {"mistral3", mistral3_text_config, tower_and_projector},
      {"llama4", llama4_text_config, {"vision_model.", "multi_modal_projector."}},
  };
  return kinds;
}

/// The kind that a model_type names; nullptr for other checkpoints.
const TextAndImages* find_text_and_images(const json& config) {
  const auto type = config.find("model_type");
  if (type == config.end()) return nullptr;
  const std::vector<TextAndImages>& kinds = kinds_of_text_and_images();
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const TextAndImages& kind) {
    return *type == json(kind.model_type);
  });
  return found == kinds.end() ? nullptr : &*found;
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
  const TextAndImages* kind = find_text_and_images(checkpoint.config());
  if (kind == nullptr) {
    part.config = part.generation = checkpoint.config();
    const auto type = checkpoint.config().find("model_type");
    if (type != checkpoint.config().end() && (*type == "qwen2_vl" || *type == "qwen2_5_vl"))
      place_qwen_vl(checkpoint, part);
    return part;
  }
  part.config = kind->text_config(checkpoint);
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
  part.other_parts = kind->other_parts;
  return part;
}

}  // namespace lensbench
