#include "checkpoint/tokenizer/decoder.hpp"

#include <array>
#include <optional>
#include <utility>

#include "checkpoint/tokenizer/models/byte_alphabet.hpp"
#include "checkpoint/tokenizer/models/byte_token.hpp"
#include "checkpoint/tokenizer/splitting/pattern.hpp"
#include "core/text/utf8.hpp"

// Decoders: tokens back to text. `decode` treats the tokens of a whole text, in which the place of
// a token matters (a leading space, the end of a word); `token_bytes` treats one token apart from
// any text.

namespace lensbench {
namespace {

std::string joined(const std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

/// All bytes are joined first, since a character may extend over several tokens.
class ByteLevel final : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) bytes += bytes_of_byte_characters(token);
    // Bytes that are not UTF-8 become replacement characters, as in the reference library.
    tokens = {repair_utf8(bytes).text};
  }
  std::string token_bytes(std::string token) const override {
    return bytes_of_byte_characters(token);
  }
};

/// Consecutive tokens of bytes form a text; if it is not UTF-8, each byte becomes a replacement
/// character.
class ByteFallback final : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override {
    std::vector<std::string> decoded;
    std::string bytes;
    const auto flush = [&] {
      if (valid_utf8_prefix(bytes) == bytes.size()) {
        if (!bytes.empty()) decoded.push_back(bytes);
      } else {
        for (std::size_t i = 0; i < bytes.size(); ++i)
          append_utf8(decoded.emplace_back(), kReplacementCharacter);
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      if (const auto byte = byte_of_token(token)) {
        bytes.push_back(*byte);
        continue;
      }
      flush();
      decoded.push_back(std::move(token));
    }
    flush();
    tokens = std::move(decoded);
  }
  std::string token_bytes(std::string token) const override {
    const auto byte = byte_of_token(token);
    return byte ? std::string(1, *byte) : token;
  }
};

/// Joins the tokens, so that the next step sees the whole text.
class Fuse final : public Decoder {
 public:
  void decode(std::vector<std::string>& tokens) const override { tokens = {joined(tokens)}; }
  std::string token_bytes(std::string token) const override { return token; }
};

class Replace final : public Decoder {
 public:
  Replace(std::unique_ptr<const Pattern> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  void decode(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) token = token_bytes(std::move(token));
  }
  std::string token_bytes(std::string token) const override {
    std::string result;
    std::size_t copied = 0;
    pattern_->find_all(token, [&](Span match) {
      result.append(token, copied, match.begin - copied).append(content_);
      copied = match.end;
    });
    return result.append(token, copied);
  }

 private:
  std::unique_ptr<const Pattern> pattern_;
  std::string content_;
};

/// Removes a character from both ends of each token, at most `start` and `stop` times.
class Strip final : public Decoder {
 public:
  explicit Strip(const JsonReader& field)
      : start_(field.at("start").integer({0, INT32_MAX})),
        stop_(field.at("stop").integer({0, INT32_MAX})),
        content_(field.at("content").string()) {
    // Refuses a content that is not exactly one character.
    field.at("content").character();
  }

  void decode(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::string_view kept = token;
      for (auto i = start_; i > 0 && kept.starts_with(content_); --i)
        kept.remove_prefix(content_.size());
      for (auto i = stop_; i > 0 && kept.ends_with(content_); --i)
        kept.remove_suffix(content_.size());
      token = std::string(kept);
    }
  }
  // A single token remains unchanged, because stripping depends on its position in the text.
  std::string token_bytes(std::string token) const override { return token; }

 private:
  std::int64_t start_, stop_;
  std::string content_;
};

/// Marks of spaces become spaces, except the one that the pre-tokenizer added before the text.
class Metaspace final : public Decoder {
 public:
  explicit Metaspace(const JsonReader& field)
      : replacement_(field.at("replacement").string()),
        spaces_(literal_pattern(replacement_), " "),
        nothing_(literal_pattern(replacement_), "") {
    field.at("replacement").character();
    const auto scheme = field.find("prepend_scheme");
    strips_first_ =
        scheme ? scheme->string() != "never" : field.boolean_or("add_prefix_space", true);
  }

  void decode(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const Replace& replace = i == 0 && strips_first_ ? nothing_ : spaces_;
      tokens[i] = replace.token_bytes(std::move(tokens[i]));
    }
  }
  std::string token_bytes(std::string token) const override {
    return spaces_.token_bytes(std::move(token));
  }

 private:
  std::string replacement_;
  Replace spaces_, nothing_;
  bool strips_first_;
};

/// Replaces the suffix that marks the end of a word by a space, and removes it at the end of the
/// text.
class EndOfWord final : public Decoder {
 public:
  explicit EndOfWord(const std::string& suffix)
      : spaces_(literal_pattern(suffix), " "), nothing_(literal_pattern(suffix), "") {}

  void decode(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const Replace& replace = i + 1 == tokens.size() ? nothing_ : spaces_;
      tokens[i] = replace.token_bytes(std::move(tokens[i]));
    }
  }
  std::string token_bytes(std::string token) const override {
    return spaces_.token_bytes(std::move(token));
  }

 private:
  Replace spaces_, nothing_;
};

/// Joins words with spaces, and continuing pieces without. Option `cleanup` then removes, token by
/// token, spaces that English does not have, such as those before a comma.
class WordPiece final : public Decoder {
 public:
  explicit WordPiece(const JsonReader& field)
      : WordPiece(field.at("prefix").string(), field.boolean_or("cleanup", true)) {}
  WordPiece(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}

  void decode(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0 && token.starts_with(prefix_))
        token.erase(0, prefix_.size());
      else if (i > 0)
        token.insert(0, 1, ' ');
      if (cleanup_) token = cleaned(std::move(token));
    }
  }
  // A single token keeps the prefix that marks the continuation of a word.
  std::string token_bytes(std::string token) const override { return token; }

 private:
  static std::string cleaned(std::string token) {
    // Order and texts are those of the reference library; each rewriting sees the result of the one
    // before.
    constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kRewrites = {
        {{" .", "."},
         {" ?", "?"},
         {" !", "!"},
         {" ,", ","},
         {" ' ", "'"},
         {" n't", "n't"},
         {" 'm", "'m"},
         {" do not", " don't"},
         {" 's", "'s"},
         {" 've", "'ve"},
         {" 're", "'re"}}};
    for (const auto& [from, to] : kRewrites)
      for (std::size_t at = token.find(from); at != std::string::npos;
           at = token.find(from, at + to.size()))
        token.replace(at, from.size(), to);
    return token;
  }

  std::string prefix_;
  bool cleanup_;
};

class Sequence final : public Decoder {
 public:
  explicit Sequence(const JsonReader& steps) {
    for (std::size_t i = 0; i < steps.size(); ++i) steps_.push_back(read_decoder(steps.at(i)));
  }
  void decode(std::vector<std::string>& tokens) const override {
    for (const auto& step : steps_) step->decode(tokens);
  }
  std::string token_bytes(std::string token) const override {
    for (const auto& step : steps_) token = step->token_bytes(std::move(token));
    return token;
  }

 private:
  std::vector<std::unique_ptr<const Decoder>> steps_;
};

}  // namespace

std::unique_ptr<const Decoder> byte_level_decoder() {
  return std::make_unique<ByteLevel>();
}

std::unique_ptr<const Decoder> wordpiece_decoder() {
  return std::make_unique<WordPiece>("##", true);
}

namespace {

std::unique_ptr<const Decoder> read_end_of_word(const JsonReader& field) {
  // An empty suffix would match everywhere.
  const auto suffix = field.find("suffix");
  if (suffix && suffix->string().empty()) suffix->fail("the suffix is empty; expected a text");
  return std::make_unique<EndOfWord>(suffix ? suffix->string() : "</w>");
}

}  // namespace

std::unique_ptr<const Decoder> read_decoder(const JsonReader& field) {
  const JsonReader kind = field.at("type");
  const std::string& type = kind.string();
  if (type == "ByteLevel") return byte_level_decoder();
  if (type == "ByteFallback") return std::make_unique<ByteFallback>();
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Replace")
    return std::make_unique<Replace>(read_pattern(field.at("pattern")),
                                     field.at("content").string());
  if (type == "Strip") return std::make_unique<Strip>(field);
  if (type == "Metaspace") return std::make_unique<Metaspace>(field);
  if (type == "BPEDecoder") return read_end_of_word(field);
  if (type == "WordPiece") return std::make_unique<WordPiece>(field);
  if (type == "Sequence") return std::make_unique<Sequence>(field.at("decoders"));
  kind.fail("the decoder '" + type +
            "' is not supported (ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, "
            "BPEDecoder, WordPiece and Sequence are)");
}

}  // namespace lensbench
