#include <algorithm>

#include "checkpoint/tokenizer/formats/tokenizer_class.hpp"

// Rules by which transformers builds its tokenizer classes. A class takes the vocabulary from the
// files of a folder and brings everything else itself; the rules are written here as the JSON that
// a tokenizer.json of that class would have, so that one reader serves both.
// tests/parity/tokenizer_folders.py compares random folders with AutoTokenizer.

namespace lensbench {
namespace {

using nlohmann::json;

constexpr const char* kSpaceMark = "▁";  // represents a space in vocabularies of SentencePiece
constexpr const char* kEndOfText = "<|endoftext|>";

// Split patterns of Qwen2 and of Qwen3.5, which keeps marks together with letters.
constexpr const char* kQwen2Split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*)"
    R"(|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen35Split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}|)"
    R"( ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Parts that several classes have, as JSON. `trim_offsets` concerns offsets alone.
json byte_level(bool prefix_space, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", prefix_space},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

/// Metaspace with the mark of SentencePiece; `scheme` is always, first or never.
json metaspace(const char* scheme, bool split) {
  return {{"type", "Metaspace"},
          {"replacement", kSpaceMark},
          {"prepend_scheme", scheme},
          {"split", split}};
}

json replace(const char* pattern, const char* content) {
  return {{"type", "Replace"}, {"pattern", {{"String", pattern}}}, {"content", content}};
}

/// Content of the unknown token, which these classes need.
std::string unknown_token(const TokenizerSettings& settings, const char* otherwise) {
  if (const auto token = settings.token("unk_token")) return token->content;
  if (settings.has("unk_token"))
    settings.root().fail("unk_token", "is null, but this tokenizer class needs an unknown token");
  return otherwise;
}

/// GPT-2: bytes as characters, split by its expression.
json gpt2(const TokenizerSettings& settings, const json&) {
  return {{"model", json::object()},
          {"pre_tokenizer", byte_level(settings.flag_or("add_prefix_space", false), true)},
          {"decoder", {{"type", "ByteLevel"}}}};
}

json gpt_neox(const TokenizerSettings& settings, const json& charsmap) {
  json rules = gpt2(settings, charsmap);
  rules["normalizer"] = {{"type", "NFC"}};
  return rules;
}

/// Qwen: a split of its own, then bytes as characters without a second split.
json qwen(const TokenizerSettings& settings, const char* pattern) {
  json steps = {{{"type", "Split"},
                 {"pattern", {{"Regex", pattern}}},
                 {"behavior", "Isolated"},
                 {"invert", false}},
                byte_level(settings.flag_or("add_prefix_space", false), false)};
  return {{"model", json::object()},
          {"normalizer", {{"type", "NFC"}}},
          {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}}},
          {"decoder", {{"type", "ByteLevel"}}}};
}

json qwen2(const TokenizerSettings& settings, const json&) {
  return qwen(settings, kQwen2Split);
}

json qwen3_5(const TokenizerSettings& settings, const json&) {
  return qwen(settings, kQwen35Split);
}

/// BERT: `strip_accents` follows `lowercase` where it is not set, as in the reference library.
json bert(const TokenizerSettings& settings, const json&) {
  const bool lowercase = settings.flag_or("do_lower_case", true);
  return {{"model", {{"unk_token", unknown_token(settings, "[UNK]")}}},
          {"normalizer",
           {{"type", "BertNormalizer"},
            {"clean_text", true},
            {"handle_chinese_chars", settings.flag_or("tokenize_chinese_chars", true)},
            {"strip_accents", settings.flag_or("strip_accents", lowercase)},
            {"lowercase", lowercase}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}}};
}

/// Marks become spaces, tokens of bytes become characters; with `strip`, the space before the text
/// is removed again.
json byte_fallback_decoder(bool strip) {
  json steps = {replace(kSpaceMark, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}};
  if (strip) steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return {{"type", "Sequence"}, {"decoders", std::move(steps)}};
}

/// Llama 2. Text after an added token gets a mark only in the legacy form, which the field `legacy`
/// requests.
json llama(const TokenizerSettings& settings, const json&) {
  const bool prefix = settings.flag_or("add_prefix_space", true);
  const char* scheme = !prefix ? "never" : settings.flag_or("legacy", false) ? "always" : "first";
  return {{"model", {{"fuse_unk", true}, {"byte_fallback", true}}},
          {"pre_tokenizer", metaspace(scheme, false)},
          {"decoder", byte_fallback_decoder(prefix)}};
}

/// Gemma: spaces become marks before the split, and the text does not get one in front.
json gemma(const TokenizerSettings& settings, const json&) {
  return {{"model",
           {{"fuse_unk", true},
            {"byte_fallback", true},
            {"unk_token", unknown_token(settings, "<unk>")}}},
          {"normalizer", replace(" ", kSpaceMark)},
          {"pre_tokenizer",
           {{"type", "Split"},
            {"pattern", {{"String", " "}}},
            {"behavior", "MergedWithPrevious"},
            {"invert", false}}},
          {"decoder", byte_fallback_decoder(false)}};
}

/// Words separated by white space; `scheme` decides whether each gets a mark.
json words_with_mark(const char* scheme) {
  json steps = {{{"type", "WhitespaceSplit"}}, metaspace(scheme, true)};
  return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

/// Unigram models of SentencePiece.
/// \param unk_id  id of the unknown token, which is fixed by the class
json sentencepiece(int unk_id, const char* scheme, json normalizer) {
  return {{"model", {{"unk_id", unk_id}, {"byte_fallback", false}, {"exact_scores", true}}},
          {"normalizer", std::move(normalizer)},
          {"pre_tokenizer", words_with_mark(scheme)},
          {"decoder", metaspace(scheme, true)}};
}

/// Normalization table of the stored tokenizer; null leaves the text as it is.
json precompiled(const json& charsmap) {
  if (charsmap.is_null()) return nullptr;
  return {{"type", "Precompiled"}, {"precompiled_charsmap", charsmap}};
}

const char* scheme_of(const TokenizerSettings& settings) {
  return settings.flag_or("add_prefix_space", true) ? "always" : "never";
}

json t5(const TokenizerSettings&, const json& charsmap) {
  return sentencepiece(2, "always", precompiled(charsmap));
}

json xlm_roberta(const TokenizerSettings& settings, const json& charsmap) {
  return sentencepiece(3, scheme_of(settings), precompiled(charsmap));
}

/// ALBERT: quotation marks of two characters become one, and accents are removed unless they are to
/// be kept.
json albert(const TokenizerSettings& settings, const json& charsmap) {
  json steps = {replace("``", "\""), replace("''", "\"")};
  if (!settings.flag_or("keep_accents", false)) {
    steps.push_back({{"type", "NFKD"}});
    steps.push_back({{"type", "StripAccents"}});
  }
  if (settings.flag_or("do_lower_case", true)) steps.push_back({{"type", "Lowercase"}});
  if (!charsmap.is_null()) steps.push_back(precompiled(charsmap));
  return sentencepiece(1, scheme_of(settings),
                       {{"type", "Sequence"}, {"normalizers", std::move(steps)}});
}

constexpr const char* kNone = nullptr;

// Default tokens are in the order of kTokenRoles: bos, eos, unk, sep, pad, cls, mask.
constexpr TokenizerClass kBuiltClasses[] = {
    {"GPT2Tokenizer",
     "BPE",
     {kEndOfText, kEndOfText, kEndOfText, kNone, kNone, kNone, kNone},
     Frame::stored,
     gpt2,
     true},
    {"CodeGenTokenizer",
     "BPE",
     {kEndOfText, kEndOfText, kEndOfText, kNone, kNone, kNone, kNone},
     Frame::stored,
     gpt2,
     true},
    {"GPTNeoXTokenizer",
     "BPE",
     {kEndOfText, kEndOfText, kEndOfText, kNone, "<|padding|>", kNone, kNone},
     Frame::requested,
     gpt_neox,
     true},
    {"RobertaTokenizer",
     "BPE",
     {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     Frame::roberta,
     gpt2,
     true},
    {"Qwen2Tokenizer",
     "BPE",
     {kNone, kEndOfText, kEndOfText, kNone, kEndOfText, kNone, kNone},
     Frame::stored,
     qwen2,
     true},
    {"Qwen3_5Tokenizer",
     "BPE",
     {kNone, kEndOfText, kEndOfText, kNone, kEndOfText, kNone, kNone},
     Frame::stored,
     qwen3_5},
    {"BertTokenizer",
     "WordPiece",
     {kNone, kNone, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"},
     Frame::cls_sep,
     bert},
    {"LlamaTokenizer",
     "BPE",
     {"<s>", "</s>", "<unk>", kNone, kOfPadding, kNone, kNone},
     Frame::stored,
     llama},
    {"GemmaTokenizer",
     "BPE",
     {"<bos>", "<eos>", "<unk>", kNone, "<pad>", kNone, "<mask>"},
     Frame::stored,
     gemma},
    {"T5Tokenizer",
     "Unigram",
     {kNone, "</s>", "<unk>", kNone, "<pad>", kNone, kNone},
     Frame::eos,
     t5},
    {"AlbertTokenizer",
     "Unigram",
     {"[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]"},
     Frame::cls_sep_stored,
     albert},
    {"XLMRobertaTokenizer",
     "Unigram",
     {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     Frame::bos_eos,
     xlm_roberta},
};

}  // namespace

const TokenizerClass* find_tokenizer_class(std::string_view name) {
  const auto* found = std::ranges::find(kBuiltClasses, name, &TokenizerClass::name);
  return found == std::end(kBuiltClasses) ? nullptr : found;
}

}  // namespace lensbench
