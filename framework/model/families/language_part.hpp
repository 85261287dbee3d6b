#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.hpp"

namespace lensbench {

/// The language model of a checkpoint: the whole of most checkpoints, or the part that reads text
/// in one of text and images.
struct LanguagePart {
  nlohmann::json config;               ///< configuration of the language model alone
  nlohmann::json generation;           ///< settings of generation in config.json, with others
  std::filesystem::path config_place;  ///< file, and perhaps field, of the configuration
  /// Prefixes of tensor names in a larger model, of the body and of what follows it; empty if the
  /// checkpoint is the language model.
  std::string body_prefix, head_prefix;
  /// Beginnings of the names of tensors that text never reaches.
  std::vector<std::string_view> other_parts;
  bool text_only = false;  ///< the checkpoint is one of text and images, of which only text is read
};

/// The language model of a checkpoint, with its tower where the family has one. A checkpoint of
/// text and images whose `model_type` is `gemma3`, `mistral3` or `llama4` gives its `text_config`:
/// for a text without images, `transformers` computes exactly this model. \throws InputError if
/// such a checkpoint lacks its `text_config`, or has one of another kind
LanguagePart language_part(const Checkpoint& checkpoint);

}  // namespace lensbench
