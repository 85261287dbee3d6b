#include "checkpoint/tokenizer/formats/loader.hpp"

#include <lensbench/error.hpp>

#include "checkpoint/tokenizer/formats/special_tokens.hpp"
#include "checkpoint/tokenizer/formats/stored_tokenizer.hpp"
#include "checkpoint/tokenizer/formats/tokenizer_class.hpp"
#include "checkpoint/tokenizer/formats/tokenizer_settings.hpp"
#include "core/text/json.hpp"

// Tokenizer of a folder from its files: tokenizer.json, or a vocabulary with its merges, and the
// settings that transformers reads in addition. Settings that would change ids and are not followed
// are errors, because wrong ids give wrong results without any sign.

namespace lensbench {
namespace {

/// Refuses settings that change ids in `transformers` and are not followed here.
void refuse_settings(const TokenizerSettings& settings) {
  const JsonReader root = settings.root();
  // An older form of the file, in which the vocabulary is part of the settings.
  for (const char* key : {"vocab", "merges"})
    if (root.find(key))
      root.fail(key, "a vocabulary in this file is not supported; save it as tokenizer.json");
  if (const auto inputs = root.find("init_inputs"); inputs && inputs->size() > 0)
    inputs->fail("unnamed arguments of the tokenizer class are not supported; give them names");
  // transformers takes one of these files by its own version, which a folder cannot know.
  if (const auto files = root.find("fast_tokenizer_files"))
    for (const std::string& file : files->strings())
      if (file != "tokenizer.json")
        files->fail("\"" + file +
                    "\" takes the place of tokenizer.json in some versions of "
                    "transformers; remove the field, and name the file to be used tokenizer.json");
  if (settings.flag_or("fix_mistral_regex", false))
    root.fail("fix_mistral_regex",
              "a replaced split pattern is not supported; save the fixed "
              "tokenizer as tokenizer.json and remove the field");
}

/// Builds a tokenizer from the parts of a folder.
class Assembly {
 public:
  Assembly(const TokenizerSettings& settings, const TokenizerClass* kind,
           const StoredTokenizer& stored)
      : settings_(settings),
        kind_(kind),
        stored_(stored),
        specials_(settings, kind, stored.tokens()) {}

  /// Parts in an order that matters: added tokens need the vocabulary and the normalizer, the
  /// post-processor needs the ids of added tokens.
  /// \param rules  object with `normalizer`, `pre_tokenizer` and `decoder`
  TokenizerParts parts(std::unique_ptr<const TokenModel> model, const JsonReader& rules) {
    TokenizerParts parts;
    if (const auto field = rules.find("normalizer")) parts.normalizer = read_normalizer(*field);
    if (const auto field = rules.find("pre_tokenizer"))
      parts.pre_tokenizer = read_pre_tokenizer(*field);
    if (const auto field = rules.find("decoder")) parts.decoder = read_decoder(*field);
    parts.model = std::move(model);
    AddedVocabulary vocabulary(parts.model->vocabulary(), stored_.where());
    specials_.add_to(vocabulary);
    parts.added = std::make_unique<AddedTokens>(vocabulary, parts.normalizer.get(),
                                                settings_.flag_or("split_special_tokens", false));
    parts.post_processor = post_processor(vocabulary);
    parts.bos_id = role_id(vocabulary, "bos_token");
    parts.eos_id = role_id(vocabulary, "eos_token");
    // A folder may name tokens only in its template, so begin and end are taken from there.
    if (!parts.post_processor) return parts;
    if (!parts.bos_id) parts.bos_id = only(parts.post_processor->prefix());
    if (!parts.eos_id) parts.eos_id = only(parts.post_processor->suffix());
    return parts;
  }

 private:
  using Ids = std::vector<std::int64_t>;

  /// The special token that a template adds on one side of the text; empty unless it adds exactly
  /// one.
  static std::optional<std::int64_t> only(const Ids& ids) {
    return ids.size() == 1 ? std::optional(ids.front()) : std::nullopt;
  }

  std::optional<std::int64_t> role_id(const AddedVocabulary& vocabulary, const char* role) const {
    const auto token = specials_.token(role);
    return token ? vocabulary.id_of(*token) : std::nullopt;
  }

  /// Id of a token without which the class cannot build its frame.
  Ids required(const AddedVocabulary& vocabulary, const char* role) const {
    if (const auto id = role_id(vocabulary, role)) return {*id};
    settings_.root().fail(
        role, "is null, but " + std::string(kind_->name) + " adds this token to every text");
  }

  /// Id of a token that is added only on request, which counts only without a tokenizer.json.
  Ids requested(const AddedVocabulary& vocabulary, const char* flag, const char* role) const {
    if (stored_.exists() || !settings_.flag_or(flag, false)) return {};
    const auto id = role_id(vocabulary, role);
    return id ? Ids{*id} : Ids();
  }

  /// Special tokens around the text, by the class or by the file.
  std::unique_ptr<const PostProcessor> post_processor(const AddedVocabulary& vocabulary) const {
    const auto around = [&](const char* before, const char* after) {
      return template_post_processor(required(vocabulary, before), required(vocabulary, after));
    };
    switch (kind_ != nullptr ? kind_->frame : Frame::stored) {
      case Frame::cls_sep:
        return around("cls_token", "sep_token");
      case Frame::roberta:
        return roberta_post_processor(
            required(vocabulary, "cls_token"), required(vocabulary, "sep_token"),
            settings_.flag_or("trim_offsets", true), settings_.flag_or("add_prefix_space", false));
      case Frame::bos_eos:
        return around("bos_token", "eos_token");
      case Frame::eos:
        return template_post_processor({}, required(vocabulary, "eos_token"));
      case Frame::cls_sep_stored:
        if (auto stored = stored_.post_processor(vocabulary)) return stored;
        return around("cls_token", "sep_token");
      // A tokenizer.json decides, even if it does not add anything.
      case Frame::stored:
        if (stored_.exists()) return stored_.post_processor(vocabulary);
        break;
      case Frame::requested:
        break;
    }
    const Ids before = requested(vocabulary, "add_bos_token", "bos_token");
    const Ids after = requested(vocabulary, "add_eos_token", "eos_token");
    return before.empty() && after.empty() ? nullptr : template_post_processor(before, after);
  }

  const TokenizerSettings& settings_;
  const TokenizerClass* kind_;
  const StoredTokenizer& stored_;
  SpecialTokens specials_;
};

/// A tokenizer.json, as it is or as source of the vocabulary for a class.
TokenizerParts parts_of_json(StoredTokenizer stored, const TokenizerSettings& settings) {
  const TokenizerClass* kind = tokenizer_class_of(settings, stored.is_byte_level());
  Assembly assembly(settings, kind, stored);
  // Without a class the file has all rules; with one, only its vocabulary and merges count.
  if (kind == nullptr)
    return assembly.parts(read_token_model(stored.root().at("model")), stored.root());
  nlohmann::json rules = kind->rules(settings, stored.charsmap());
  stored.take_vocabulary(*kind, settings, rules["model"]);
  const JsonReader root(rules, stored.where().file());
  return assembly.parts(read_token_model(root.at("model")), root);
}

/// Class for a folder without tokenizer.json.
/// \param text  whether the vocabulary is a vocab.txt
const TokenizerClass* class_of_vocabulary(const TokenizerSettings& settings, bool text) {
  const TokenizerClass* kind = tokenizer_class_of(settings, false);
  const std::string stated = settings.tokenizer_class();
  // A folder as old as this file format states no class, or one that transformers no longer has.
  if (kind == nullptr && (stated.empty() || (text && stated.starts_with("ElectraTokenizer"))))
    kind = find_tokenizer_class(text ? "BertTokenizer" : "GPT2Tokenizer");
  const bool fits = kind != nullptr && (text ? kind->model == "WordPiece" : kind->of_vocab_json);
  if (fits) return kind;
  throw InputError(settings.config_file() + ": the tokenizer class '" +
                   (stated.empty() && kind != nullptr ? std::string(kind->name) : stated) +
                   "' cannot be read from " + (text ? "vocab.txt" : "vocab.json and merges.txt") +
                   "; save it with save_pretrained to get a tokenizer.json");
}

/// Requires a line for each special token that BERT adds to texts.
void require_lines(const std::filesystem::path& path, const Vocabulary& vocabulary,
                   const SpecialTokens& specials) {
  for (const char* role : {"unk_token", "cls_token", "sep_token"})
    if (const auto token = specials.token(role); token && !vocabulary.id_of(*token))
      throw InputError(path.string() + ": a line \"" + *token + "\" is missing, the " + role +
                       " of this tokenizer");
}

/// A vocabulary of one file (WordPiece) or of two (byte-level BPE).
TokenizerParts parts_of_vocabulary(const std::filesystem::path& directory,
                                   const TokenizerSettings& settings, bool text) {
  const TokenizerClass* kind = class_of_vocabulary(settings, text);
  const auto path = directory / (text ? "vocab.txt" : "vocab.json");
  const nlohmann::json rules = kind->rules(settings, nullptr);
  const JsonReader root(rules, path.string());
  auto model = text ? read_vocab_txt(path, root.at("model").at("unk_token").string())
                    : read_vocab_and_merges(directory);
  // A tokenizer.json that does not exist, so that the steps are those of `parts_of_json`.
  const StoredTokenizer nothing(path.string());
  if (text) require_lines(path, model->vocabulary(), SpecialTokens(settings, kind, {}));
  TokenizerParts parts = Assembly(settings, kind, nothing).parts(std::move(model), root);
  parts.files = {path};
  if (!text) parts.files.push_back(directory / "merges.txt");
  return parts;
}

}  // namespace

std::shared_ptr<const Tokenizer> parse_tokenizer_json(std::string_view text,
                                                      const std::string& name) {
  return std::make_shared<PipelineTokenizer>(
      parts_of_json(StoredTokenizer(text, name), TokenizerSettings()));
}

/// The files of a folder in the order in which transformers prefers them.
/// \return null if the folder does not have a tokenizer of these formats
std::shared_ptr<const Tokenizer> Tokenizer::open(const std::filesystem::path& directory) {
  const auto contains = [&](const char* file) {
    std::error_code error;
    return std::filesystem::exists(directory / file, error);
  };
  const auto one_file = directory / "tokenizer.json";
  const bool two_files = contains("vocab.json") || contains("merges.txt");
  if (!contains("tokenizer.json") && !two_files && !contains("vocab.txt")) return nullptr;
  const TokenizerSettings settings(directory);
  refuse_settings(settings);
  TokenizerParts parts;
  if (contains("tokenizer.json")) {
    parts = parts_of_json(StoredTokenizer(one_file), settings);
    parts.files = {one_file};
  } else {
    parts = parts_of_vocabulary(directory, settings, !two_files);
  }
  parts.files.insert(parts.files.end(), settings.files().begin(), settings.files().end());
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace lensbench
