#include "checkpoint/tokenizer/added_vocabulary.hpp"

#include <algorithm>

// Ids of added tokens by the rules of Hugging Face tokenizers. They are computed and compared with
// the file instead of being read from it: the reference library ignores those of the file in part,
// and a difference would give other tokens than there.

namespace lensbench {
namespace {

constexpr std::size_t kLongestContent = 1024;  // limits the time of a search in a long text

}  // namespace

/// Adds tokens in order; one that was special stays special.
void AddedVocabulary::add(const std::vector<AddedToken>& tokens) {
  for (const AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    if (token.special) specials_.insert(token.content);
    put(token);
  }
}

/// Gives a token its id and replaces its properties if it is known.
void AddedVocabulary::put(const AddedToken& token) {
  if (token.content.size() > kLongestContent)
    where_.fail("an added token is too long (" + std::to_string(token.content.size()) +
                " bytes, at most " + std::to_string(kLongestContent) + " are allowed)");
  const auto known = id_of(token.content);
  const std::int64_t id = known ? *known : next_id();
  // Holes in the vocabulary: the next free number by count may be the id of a token.
  if (!known && model_.has(id))
    where_.fail("added token \"" + token.content + "\" gets the id " + std::to_string(id) +
                ", which is that of the vocabulary token \"" + std::string(model_.token_of(id)) +
                "\"; number the vocabulary without holes");
  ids_.insert_or_assign(token.content, id);
  by_id_.insert_or_assign(id, token).first->second.id = id;
}

/// Next free id by the rule of the reference library, which counts the tokens of the model.
std::int64_t AddedVocabulary::next_id() const {
  const auto count = static_cast<std::int64_t>(model_.count());
  return by_id_.empty() ? count : std::max(count, by_id_.rbegin()->first + 1);
}

/// All faults are found before the first token is added.
void AddedVocabulary::add_stored(const std::vector<AddedToken>& tokens) {
  const auto count = static_cast<std::int64_t>(model_.count() + tokens.size());
  std::map<std::string_view, bool> contents;
  std::map<std::int64_t, std::string_view> ids;
  std::int64_t end = 0;
  // Each id must be the one that the reference library would give.
  for (const AddedToken& token : tokens) {
    const auto fail = [&](const std::string& what) {
      where_.fail("added token \"" + token.content + "\" (id " + std::to_string(token.id) + ") " +
                  what);
    };
    if (token.content.empty()) continue;
    if (token.id < 0 || token.id > Vocabulary::largest_id(count))
      fail("has an id outside 0 to " + std::to_string(Vocabulary::largest_id(count)));
    if (!contents.try_emplace(token.content, true).second) fail("occurs twice");
    const auto [other, is_new] = ids.try_emplace(token.id, token.content);
    if (!is_new) fail("has the id of the added token \"" + std::string(other->second) + "\"");
    const auto known = model_.id_of(token.content);
    if (known && *known != token.id)
      fail("has another id in the vocabulary: " + std::to_string(*known));
    // The reference library ignores the ids of new tokens in the file and numbers them
    // consecutively.
    const auto next = std::max(static_cast<std::int64_t>(model_.count()), end);
    if (!known && !model_.has(token.id) && token.id != next)
      fail("does not have the next free id; expected " + std::to_string(next));
    if (!known && model_.has(token.id))
      fail("has the id of the vocabulary token \"" + std::string(model_.token_of(token.id)) + "\"");
    end = std::max(end, token.id + 1);
  }
  add(tokens);
}

std::optional<std::int64_t> AddedVocabulary::id_of(std::string_view content) const {
  const auto found = ids_.find(content);
  return found == ids_.end() ? model_.id_of(content) : std::optional(found->second);
}

/// Tokens with their properties of the last call, but special if any call said so.
std::vector<AddedToken> AddedVocabulary::tokens() const {
  std::vector<AddedToken> tokens;
  for (const auto& [id, token] : by_id_) {
    tokens.push_back(token);
    tokens.back().special = specials_.contains(token.content);
  }
  return tokens;
}

}  // namespace lensbench
