#include "checkpoint/tokenizer/added_tokens.hpp"

#include "checkpoint/tokenizer/added_vocabulary.hpp"
#include "checkpoint/tokenizer/splitting/pattern.hpp"
#include "core/text/utf8.hpp"

// Added tokens: texts that are found before the model is applied, whatever the pre-tokenizer would
// do. They are searched in two rounds, in the text of the user and in the normalized text.

namespace lensbench {
namespace {

std::size_t previous_character(std::string_view text, std::size_t at) {
  do --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

/// Whether a character belongs to a word (UTS 18, annex C).
bool is_word_character(std::string_view character) {
  // The pattern is compiled on first use, because tokens with single_word are rare.
  static const auto word = internal_pattern(R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}])");
  bool found = false;
  word->find_all(character, [&](Span) { found = true; });
  return found;
}

/// Whether a word goes on before or after a match.
bool touches_word(std::string_view text, Span match) {
  const auto is_word_at = [&](std::size_t at) {
    return is_word_character(text.substr(at, utf8_length(text[at])));
  };
  return (match.begin > 0 && is_word_at(previous_character(text, match.begin))) ||
         (match.end < text.size() && is_word_at(match.end));
}

/// Begin of the white space that ends at `at`.
std::size_t skip_white_space_back(std::string_view text, std::size_t at) {
  while (at > 0) {
    const std::size_t before = previous_character(text, at);
    if (!is_white_space(read_utf8(text.substr(before)).character)) break;
    at = before;
  }
  return at;
}

std::size_t skip_white_space(std::string_view text, std::size_t at) {
  while (at < text.size()) {
    const Utf8Unit unit = read_utf8(text.substr(at));
    if (!is_white_space(unit.character)) break;
    at += unit.length;
  }
  return at;
}

}  // namespace

StringSet::StringSet() : nodes_(1) {}

/// Adds a text; of two equal ones the first counts.
void StringSet::add(std::string_view text, std::size_t index) {
  if (text.empty()) return;
  first_[static_cast<unsigned char>(text[0])] = true;
  std::size_t node = 0;
  for (const char byte : text) {
    const auto [child, inserted] = nodes_[node].children.try_emplace(byte, nodes_.size());
    node = child->second;
    if (inserted) nodes_.emplace_back();
  }
  if (nodes_[node].index == kNone) nodes_[node].index = index;
}

/// The search takes time in the length of the longest text, for each position whose first byte may
/// begin one.
std::pair<std::size_t, std::size_t> StringSet::longest_at(std::string_view text,
                                                          std::size_t at) const {
  std::pair<std::size_t, std::size_t> longest{kNone, 0};
  std::size_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    const auto child = nodes_[node].children.find(text[i]);
    if (child == nodes_[node].children.end()) break;
    node = child->second;
    if (nodes_[node].index != kNone) longest = {nodes_[node].index, i + 1 - at};
  }
  return longest;
}

/// Prepares both searches. Two tokens of one normalized form are refused, because which of them is
/// found would be undefined.
AddedTokens::AddedTokens(const AddedVocabulary& vocabulary, const Normalizer* normalizer,
                         bool split_special)
    : tokens_(vocabulary.tokens()), split_special_(split_special) {
  std::map<std::string_view, std::size_t> forms;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    AddedToken& token = tokens_[i];
    by_id_.emplace(token.id, i);
    by_content_.emplace(token.content, i);
    // The form that the text has when the search takes place.
    token.form = token.normalized && normalizer != nullptr
                     ? normalizer->normalize(AlignedText::from(token.content)).text
                     : token.content;
    const auto fail = [&](const std::string& what) {
      vocabulary.where().fail("added token \"" + token.content +
                              "\" is searched in normalized "
                              "texts, " +
                              what + "; set \"normalized\" to false");
    };
    if (token.form.empty()) fail("but nothing of it is left after normalization");
    // The reference library takes either of such tokens, by chance.
    if (token.normalized)
      if (const auto [other, is_new] = forms.try_emplace(token.form, i); !is_new)
        fail("where it equals the added token \"" + tokens_[other->second].content + "\"");
    (token.normalized ? normalized_ : raw_).add(token.form, i);
  }
}

/// Splits texts at the tokens of one set, from left to right. White space that a token takes in is
/// not text any more.
void AddedTokens::split(Pieces& pieces, const StringSet& set) const {
  if (set.empty()) return;
  split_parts(pieces, [&](std::string_view text, auto add) {
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
      const auto [index, length] =
          set.may_start_with(text[at]) ? set.longest_at(text, at) : std::pair{at, std::size_t{0}};
      if (length == 0) {
        ++at;
        continue;
      }
      const AddedToken& token = tokens_[index];
      Span match = {at, at + length};
      // The search goes on after the match even if it is not taken, as in the reference library.
      at = match.end;
      if (split_special_ && token.special) continue;
      if (token.single_word && touches_word(text, match)) continue;
      // Not before the end of the last match, which may have taken the same white space.
      if (token.lstrip) match.begin = std::max(skip_white_space_back(text, match.begin), done);
      if (token.rstrip) match.end = skip_white_space(text, match.end);
      if (done < match.begin) add(Span{done, match.begin});
      add(match, token.id);
      done = match.end;
    }
    if (done < text.size()) add(Span{done, text.size()});
  });
}

const AddedToken* AddedTokens::find(std::int64_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[found->second];
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const auto found = by_content_.find(content);
  return found == by_content_.end() ? nullptr : &tokens_[found->second];
}

/// Tokens that enlarge the vocabulary; the others are in the model already.
std::size_t AddedTokens::count_beyond(const Vocabulary& model) const {
  std::size_t count = 0;
  for (const AddedToken& token : tokens_) count += !model.has(token.id);
  return count;
}

/// Properties of a token with the defaults of the reference library.
AddedToken read_added_token(const JsonReader& field) {
  AddedToken token;
  token.content = field.at("content").string();
  token.special = field.boolean_or("special", false);
  token.normalized = field.boolean_or("normalized", !token.special);
  token.single_word = field.boolean_or("single_word", false);
  token.lstrip = field.boolean_or("lstrip", false);
  token.rstrip = field.boolean_or("rstrip", false);
  return token;
}

std::vector<AddedToken> read_added_tokens(const JsonReader& field) {
  std::vector<AddedToken> tokens;
  for (std::size_t i = 0; i < field.size(); ++i) {
    tokens.push_back(read_added_token(field.at(i)));
    tokens.back().id = field.at(i).at("id").integer({0, INT64_MAX});
  }
  return tokens;
}

}  // namespace lensbench
