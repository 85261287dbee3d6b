#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

#include "checkpoint/tokenizer/formats/tokenizer_settings.hpp"

namespace lensbench {

/// Special tokens around a text that a class adds.
enum class Frame {
  stored,     ///< those of tokenizer.json, else those that add_bos_token and add_eos_token request
  requested,  ///< those that add_bos_token and add_eos_token request
  cls_sep,    ///< BERT
  cls_sep_stored,  ///< those of tokenizer.json, else [CLS] and [SEP]
  roberta,         ///< as BERT; offsets exclude white space
  bos_eos,         ///< always both
  eos              ///< always the token of the end
};

/// How `transformers` builds a tokenizer whose class does not take tokenizer.json as it is: it
/// takes the vocabulary and the merges, and nothing else of the model, and brings its own rules.
struct TokenizerClass {
  std::string_view name;
  std::string_view model;  ///< `BPE`, `WordPiece` or `Unigram`
  /// Tokens of the roles that the files do not name; in the order of kTokenRoles.
  std::array<const char*, kTokenRoles.size()> defaults;
  Frame frame = Frame::stored;
  /// Fields of the model other than `vocab` and `merges`, then `normalizer`, `pre_tokenizer` and
  /// `decoder` of a tokenizer.json.
  /// \param charsmap  `precompiled_charsmap` of the stored normalizer, or null
  nlohmann::json (*rules)(const TokenizerSettings& settings, const nlohmann::json& charsmap);
  bool of_vocab_json = false;  ///< can be read from vocab.json and merges.txt
};

/// Marks a role whose token is that of `padding` in tokenizer.json.
inline constexpr const char* kOfPadding = "\x01";

/// The class of this name; null if there is none.
const TokenizerClass* find_tokenizer_class(std::string_view name);

/// The class that `transformers` takes for a folder; null if it takes tokenizer.json as it is.
/// \param byte_level  whether tokenizer.json has a part of type ByteLevel
/// \throws InputError that names the field for a class that this program does not build
const TokenizerClass* tokenizer_class_of(const TokenizerSettings& settings, bool byte_level);

}  // namespace lensbench
