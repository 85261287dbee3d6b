#include "checkpoint/tokenizer/splitting/pre_tokenizer.hpp"

#include <algorithm>

#include "checkpoint/tokenizer/models/byte_alphabet.hpp"
#include "checkpoint/tokenizer/text/character_classes.hpp"
#include "core/text/utf8.hpp"

// Pre-tokenizers of Hugging Face tokenizers. Names, fields and defaults are those of the field
// `pre_tokenizer` of tokenizer.json.

namespace lensbench {
namespace {

// Split expression of GPT-2 ("Language Models are Unsupervised Multitask Learners"). White space is
// listed explicitly, as in regex_translation.cpp, because \s of PCRE2 has one character more.
constexpr std::string_view kGpt2Words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\t-\r\x{85}\p{Z}\p{L}\p{N}]+)"
    R"(|[\t-\r\x{85}\p{Z}]+(?![^\t-\r\x{85}\p{Z}])|[\t-\r\x{85}\p{Z}]+)";

// Runs of Unicode word characters (UTS 18, annex C), or of characters that are neither word
// characters nor white space.
constexpr std::string_view kWords =
    R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+)"
    R"(|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\t-\r\x{85}\p{Z}]+)";

/// Splits by the expression of GPT-2 and writes each byte as one printable character, so that 256
/// tokens are enough for every text.
class ByteLevel final : public PreTokenizer {
 public:
  ByteLevel(bool add_prefix_space, bool use_regex) : add_prefix_space_(add_prefix_space) {
    if (use_regex)
      split_ =
          std::make_unique<Split>(internal_pattern(kGpt2Words), SplitBehavior::isolated, false);
  }

  void apply(Pieces& pieces) const override {
    if (add_prefix_space_) add_prefix_space(pieces);
    if (split_) split_->apply(pieces);
    rewrite_parts(pieces, [](const AlignedText& from, Span range, AlignedText& to) {
      // All bytes of a character keep its source, so that offsets remain those of the text.
      for (std::size_t i = range.begin; i < range.end; ++i)
        to.append(byte_to_character(static_cast<unsigned char>(from.text[i])), from.source[i]);
    });
  }

  bool is_byte_level() const override { return true; }

 private:
  /// A space before a text without one, so that its first word is tokenized as in the middle of a
  /// text.
  static void add_prefix_space(Pieces& pieces) {
    rewrite_parts(pieces, [](const AlignedText& from, Span range, AlignedText& to) {
      if (from.text[range.begin] != ' ') to.append(U' ', from.source[range.begin]);
      to.append(from, range);
    });
  }

  bool add_prefix_space_;
  std::unique_ptr<const Split> split_;
};

enum class PrependScheme { always, first, never };

/// Writes spaces as a visible character (`▁` in most files), as SentencePiece does.
class Metaspace final : public PreTokenizer {
 public:
  explicit Metaspace(const JsonReader& field) : replacement_(field.at("replacement").string()) {
    // Refuses a replacement that is not exactly one character.
    field.at("replacement").character();
    scheme_ = read_scheme(field);
    if (field.boolean_or("split", true))
      split_ = std::make_unique<Split>(literal_pattern(replacement_),
                                       SplitBehavior::merged_with_next, false);
  }

  void apply(Pieces& pieces) const override {
    rewrite_parts(pieces, [&](const AlignedText& from, Span range, AlignedText& to) {
      // A text that begins with a space has its mark already.
      const char first = from.text[range.begin];
      const bool starts_with_it = first == ' ' || std::string_view(from.text)
                                                      .substr(range.begin, range.end - range.begin)
                                                      .starts_with(replacement_);
      const Span origin = from.source[range.begin];
      if (!starts_with_it && prepends(origin.begin)) to.append(replacement_, origin);
      // Byte by byte: a space is one byte in UTF-8, and all others are copied.
      for (std::size_t i = range.begin; i < range.end; ++i) {
        if (from.text[i] == ' ')
          to.append(replacement_, from.source[i]);
        else
          to.append(std::string_view(from.text).substr(i, 1), from.source[i]);
      }
    });
    if (split_) split_->apply(pieces);
  }

 private:
  /// `first` adds the mark only at the beginning of the whole text, not after an added token.
  bool prepends(std::size_t origin) const {
    return scheme_ == PrependScheme::always || (scheme_ == PrependScheme::first && origin == 0);
  }

  /// Older files have `add_prefix_space` in place of `prepend_scheme`.
  static PrependScheme read_scheme(const JsonReader& field) {
    const auto scheme = field.find("prepend_scheme");
    if (!scheme)
      return field.boolean_or("add_prefix_space", true) ? PrependScheme::always
                                                        : PrependScheme::never;
    if (scheme->string() == "always") return PrependScheme::always;
    if (scheme->string() == "first") return PrependScheme::first;
    if (scheme->string() == "never") return PrependScheme::never;
    scheme->fail("'" + scheme->string() + "' is not supported; expected always, first or never");
  }

  std::string replacement_;
  PrependScheme scheme_;
  std::unique_ptr<const Split> split_;
};

class PreTokenizerSequence final : public PreTokenizer {
 public:
  explicit PreTokenizerSequence(std::vector<std::unique_ptr<const PreTokenizer>> steps)
      : steps_(std::move(steps)) {}

  void apply(Pieces& pieces) const override {
    for (const auto& step : steps_) step->apply(pieces);
  }
  bool is_byte_level() const override {
    return std::ranges::any_of(steps_, [](const auto& step) { return step->is_byte_level(); });
  }

 private:
  std::vector<std::unique_ptr<const PreTokenizer>> steps_;
};

SplitBehavior read_behavior(const JsonReader& field) {
  const std::string& name = field.string();
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  field.fail(
      "'" + name +
      "' is not supported; expected Removed, Isolated, MergedWithPrevious, MergedWithNext or "
      "Contiguous");
}

std::unique_ptr<const PreTokenizer> read_pre_tokenizers(const JsonReader& field) {
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  for (std::size_t i = 0; i < field.size(); ++i) steps.push_back(read_pre_tokenizer(field.at(i)));
  return pre_tokenizer_sequence(std::move(steps));
}

std::unique_ptr<const PreTokenizer> split_at(bool (*is_member)(char32_t), SplitBehavior behavior) {
  return std::make_unique<Split>(character_pattern(is_member), behavior, false);
}

// Exactly one character, as the name of the type says.
std::unique_ptr<const PreTokenizer> split_at_character(const JsonReader& field) {
  field.character();
  return std::make_unique<Split>(literal_pattern(field.string()), SplitBehavior::removed, false);
}

}  // namespace

std::unique_ptr<const PreTokenizer> bert_pre_tokenizer() {
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  steps.push_back(split_at(is_white_space, SplitBehavior::removed));
  steps.push_back(split_at(is_punctuation, SplitBehavior::isolated));
  return pre_tokenizer_sequence(std::move(steps));
}

std::unique_ptr<const PreTokenizer> byte_level_pre_tokenizer(bool add_prefix_space,
                                                             bool use_regex) {
  return std::make_unique<ByteLevel>(add_prefix_space, use_regex);
}

std::unique_ptr<const PreTokenizer> pre_tokenizer_sequence(
    std::vector<std::unique_ptr<const PreTokenizer>> steps) {
  return std::make_unique<PreTokenizerSequence>(std::move(steps));
}

/// Reads the type first: each type has its own fields. An unknown type is an error, since leaving a
/// step out would give other tokens.
std::unique_ptr<const PreTokenizer> read_pre_tokenizer(const JsonReader& field) {
  const JsonReader kind = field.at("type");
  const std::string& type = kind.string();
  if (type == "ByteLevel")
    return byte_level_pre_tokenizer(field.boolean_or("add_prefix_space", true),
                                    field.boolean_or("use_regex", true));
  if (type == "Split")
    return std::make_unique<Split>(read_pattern(field.at("pattern")),
                                   read_behavior(field.at("behavior")),
                                   field.boolean_or("invert", false));
  if (type == "Sequence") return read_pre_tokenizers(field.at("pretokenizers"));
  if (type == "Digits")
    return split_at(is_numeric, field.boolean_or("individual_digits", false)
                                    ? SplitBehavior::isolated
                                    : SplitBehavior::contiguous);
  if (type == "Whitespace")
    return std::make_unique<Split>(internal_pattern(kWords), SplitBehavior::removed, true);
  if (type == "WhitespaceSplit") return split_at(is_white_space, SplitBehavior::removed);
  if (type == "Metaspace") return std::make_unique<Metaspace>(field);
  if (type == "Punctuation") {
    const auto behavior = field.find("behavior");
    return split_at(is_punctuation, behavior ? read_behavior(*behavior) : SplitBehavior::isolated);
  }
  if (type == "BertPreTokenizer") return bert_pre_tokenizer();
  if (type == "CharDelimiterSplit") return split_at_character(field.at("delimiter"));
  kind.fail("the pre-tokenizer '" + type +
            "' is not supported (ByteLevel, Split, Sequence, Digits, Whitespace, WhitespaceSplit, "
            "Metaspace, Punctuation, BertPreTokenizer and CharDelimiterSplit are)");
}

}  // namespace lensbench
