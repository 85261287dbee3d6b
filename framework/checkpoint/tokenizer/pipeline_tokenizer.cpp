#include "checkpoint/tokenizer/pipeline_tokenizer.hpp"

#include <algorithm>
#include <cstdio>

#include "core/text/utf8.hpp"

// The steps of a tokenizer in the order of the reference library: added tokens, normalizer, added
// tokens in normalized text, pre-tokenizer, model, post-processor.

namespace lensbench {

Tokenizer::~Tokenizer() = default;

Encoding PipelineTokenizer::encode(std::string_view text, bool add_special_tokens) const {
  // Invalid UTF-8 is replaced, since every later step assumes valid text; offsets refer to the
  // bytes that were given.
  const RepairedText repaired = repair_utf8(text);
  const Pieces pieces = split(repaired.text);
  auto tokens = tokenize(pieces);
  // Templates add tokens to the parts, so they come after all ranges are known.
  if (parts_.post_processor)
    parts_.post_processor->process(tokens, repaired.text, add_special_tokens);
  const auto origin = [&](std::size_t at) {
    return repaired.origin.empty() ? at : repaired.origin[at];
  };
  Encoding encoding;
  encoding.ids.reserve(tokens.size());
  encoding.offsets.reserve(tokens.size());
  for (const EncodedToken& token : tokens) {
    encoding.ids.push_back(token.id);
    encoding.offsets.emplace_back(origin(token.source.begin), origin(token.source.end));
    encoding.special.push_back(token.special);
  }
  return encoding;
}

/// Splits a text into words and added tokens.
Pieces PipelineTokenizer::split(std::string_view text) const {
  Pieces pieces;
  pieces.body = AlignedText::from(text);
  if (!text.empty()) pieces.parts.push_back({{0, text.size()}});
  parts_.added->split_raw(pieces);
  // Parts are normalized one by one: a normalizer must not join text across an added token.
  if (parts_.normalizer)
    rewrite_parts(pieces, [&](const AlignedText& from, Span range, AlignedText& to) {
      AlignedText part;
      part.append(from, range);
      part = parts_.normalizer->normalize(std::move(part));
      to.append(part, {0, part.text.size()});
    });
  parts_.added->split_normalized(pieces);
  if (parts_.pre_tokenizer) parts_.pre_tokenizer->apply(pieces);
  return pieces;
}

std::vector<EncodedToken> PipelineTokenizer::tokenize(const Pieces& pieces) const {
  std::vector<EncodedToken> tokens;
  std::vector<ModelToken> of_word;
  for (const Piece& piece : pieces.parts) {
    const std::string_view word = pieces.text_of(piece);
    if (piece.token != kNoToken) {
      tokens.push_back({piece.token, pieces.body.source_of(piece.range), word});
      continue;
    }
    of_word.clear();
    parts_.model->tokenize(word, of_word);
    for (const ModelToken& token : of_word) {
      const Span range = {piece.range.begin + token.range.begin,
                          piece.range.begin + token.range.end};
      tokens.push_back({token.id, pieces.body.source_of(range), form_of(token.id)});
    }
  }
  return tokens;
}

/// Unknown ids are left out, as in the reference library.
std::string PipelineTokenizer::decode(const std::vector<std::int64_t>& ids,
                                      bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  for (const std::int64_t id : ids)
    if (knows(id) && !(skip_special_tokens && is_special(id))) tokens.emplace_back(form_of(id));
  if (parts_.decoder) parts_.decoder->decode(tokens);
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    // Without a decoder, tokens are joined by spaces.
    if (i > 0 && !parts_.decoder) text += ' ';
    text += tokens[i];
  }
  return text;
}

/// Text for display: bytes that are not valid UTF-8 alone are written as `\xNN`, since a token may
/// be a part of a character.
std::string PipelineTokenizer::token_text(std::int64_t id) const {
  if (!knows(id)) return std::string("<").append(std::to_string(id)).append(">");
  const std::string bytes = token_bytes(id);
  const bool whole = valid_utf8_prefix(bytes) == bytes.size();
  std::string text;
  for (const char byte : bytes) {
    if (whole && byte != '\0') {
      text += byte;
      continue;
    }
    char code[8];
    std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned char>(byte));
    text += code;
  }
  return text;
}

/// Added tokens are texts already; all others are written in the form of the decoder.
std::string PipelineTokenizer::token_bytes(std::int64_t id) const {
  if (const AddedToken* added = parts_.added->find(id)) return added->content;
  std::string form(form_of(id));
  return form.empty() || !parts_.decoder ? form : parts_.decoder->token_bytes(std::move(form));
}

std::optional<std::int64_t> PipelineTokenizer::id_of(std::string_view token) const {
  if (const AddedToken* added = parts_.added->find(token)) return added->id;
  return parts_.model->vocabulary().id_of(token);
}

std::int64_t PipelineTokenizer::size() const {
  return std::max(parts_.model->vocabulary().end_id(), parts_.added->end_id());
}

bool PipelineTokenizer::is_special(std::int64_t id) const {
  const AddedToken* added = parts_.added->find(id);
  return added != nullptr && added->special;
}

std::string PipelineTokenizer::description() const {
  const Vocabulary& vocabulary = parts_.model->vocabulary();
  const bool byte_level = parts_.pre_tokenizer && parts_.pre_tokenizer->is_byte_level();
  return (byte_level ? "byte-level " : "") + parts_.model->description() + ", " +
         std::to_string(vocabulary.count() + parts_.added->count_beyond(vocabulary)) + " tokens";
}

bool PipelineTokenizer::knows(std::int64_t id) const {
  return parts_.added->find(id) != nullptr || parts_.model->vocabulary().has(id);
}

/// The text by which the model or the search knows the token.
std::string_view PipelineTokenizer::form_of(std::int64_t id) const {
  if (const AddedToken* added = parts_.added->find(id)) return added->form;
  return parts_.model->vocabulary().token_of(id);
}

}  // namespace lensbench
