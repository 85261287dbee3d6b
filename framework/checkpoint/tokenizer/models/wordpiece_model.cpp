#include "checkpoint/tokenizer/models/wordpiece_model.hpp"

#include <algorithm>
#include <lensbench/error.hpp>

#include "core/text/utf8.hpp"

// WordPiece of BERT: the longest token that matches at each position, from left to right. It is
// greedy and does not go back: a word whose rest does not match any token is unknown as a whole.

namespace lensbench {
namespace {

/// Whether a text has more than `limit` characters; they are counted only if it has more bytes.
bool has_more_characters(std::string_view word, std::size_t limit) {
  if (word.size() <= limit) return false;
  std::size_t count = 0;
  for (std::size_t at = 0; at < word.size(); at += utf8_length(word[at])) ++count;
  return count > limit;
}

std::size_t character_before(std::string_view text, std::size_t at) {
  do --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

}  // namespace

/// The length of the longest token limits the search at each position.
WordPieceModel::WordPieceModel(Vocabulary vocabulary, WordPieceOptions options, std::string file)
    : vocabulary_(std::move(vocabulary)),
      options_(std::move(options)),
      file_(std::move(file)),
      unk_id_(vocabulary_.id_of(options_.unk_token)) {
  for (std::int64_t id = 0; id < vocabulary_.end_id(); ++id)
    longest_token_ = std::max(longest_token_, vocabulary_.token_of(id).size());
}

void WordPieceModel::tokenize(std::string_view word, std::vector<ModelToken>& tokens) const {
  if (has_more_characters(word, options_.longest_word)) {
    tokens.push_back(unknown(word));
    return;
  }
  // Tokens of this word are removed again if its rest is unknown.
  const std::size_t before = tokens.size();
  for (std::size_t begin = 0; begin < word.size();) {
    const auto token = longest_token(word, begin);
    if (!token) {
      tokens.resize(before);
      tokens.push_back(unknown(word));
      return;
    }
    tokens.push_back(*token);
    begin = token->range.end;
  }
}

/// Longest token from `begin` on; those after the first have the prefix of a continuation.
std::optional<ModelToken> WordPieceModel::longest_token(std::string_view word,
                                                        std::size_t begin) const {
  const std::string prefix = begin == 0 ? "" : options_.continuing_subword_prefix;
  std::string form = prefix;
  form += word.substr(begin);
  std::size_t end = word.size();
  while (end > begin) {
    // The text is shortened by one character until a token is equal to it.
    const std::size_t size = prefix.size() + (end - begin);
    if (size <= longest_token_)
      if (const auto id = vocabulary_.id_of(std::string_view(form).substr(0, size)))
        return ModelToken{*id, {begin, end}};
    end = character_before(word, end);
  }
  return std::nullopt;
}

/// The whole word as the unknown token. \throws InputError without one
ModelToken WordPieceModel::unknown(std::string_view word) const {
  if (!unk_id_)
    throw InputError(file_ + ": the vocabulary has neither tokens for the word \"" +
                     std::string(word.substr(0, 80)) + "\" of the text nor the unknown token \"" +
                     options_.unk_token + "\"");
  return {*unk_id_, {0, word.size()}};
}

std::unique_ptr<const TokenModel> read_wordpiece_model(const JsonReader& field) {
  WordPieceOptions options;
  if (const auto unk = field.find("unk_token")) options.unk_token = unk->string();
  if (const auto prefix = field.find("continuing_subword_prefix"))
    options.continuing_subword_prefix = prefix->string();
  if (const auto longest = field.find("max_input_chars_per_word"))
    options.longest_word = static_cast<std::size_t>(longest->integer({0, 1 << 20}));
  return std::make_unique<WordPieceModel>(read_vocabulary(field.at("vocab")), std::move(options),
                                          field.file());
}

}  // namespace lensbench
