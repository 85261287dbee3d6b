#include "checkpoint/tokenizer/formats/special_tokens.hpp"

#include <algorithm>
#include <set>

// Tokens that a folder adds to its vocabulary, their order and their roles. Order matters, because
// a new token gets the next free id: the steps are those of transformers, and a case in which its
// order is not defined is refused.

namespace lensbench {
namespace {

/// Sentinels `<extra_id_0>`, `<extra_id_1>`, … of T5.
std::vector<SettingsToken> sentinels(std::int64_t count) {
  std::vector<SettingsToken> tokens;
  for (std::int64_t i = 0; i < count; ++i) {
    SettingsToken token;
    token.content = "<extra_id_" + std::to_string(i) + ">";
    tokens.push_back(std::move(token));
  }
  return tokens;
}

/// Additional tokens of T5: those of the settings, with sentinels if these do not list any.
std::vector<SettingsToken> t5_additional(const TokenizerSettings& settings) {
  const auto field = settings.find("extra_ids");
  const std::int64_t count = field ? field->integer({0, 10'000}) : 100;
  auto tokens = settings.additional_tokens();
  if (!tokens) return sentinels(count);
  const auto listed = std::ranges::count_if(*tokens, [](const SettingsToken& token) {
    return token.content.find("<extra_id_") != std::string::npos;
  });
  if (listed == 0)
    std::ranges::copy(sentinels(count), std::back_inserter(*tokens));
  else if (count > 0 && listed != count)
    settings.root().fail("extra_ids", "is " + std::to_string(count) + ", but " +
                                          std::to_string(listed) +
                                          " of additional_special_tokens are sentinels; make "
                                          "them equal");
  return *tokens;
}

}  // namespace

/// Roles come first, since extra tokens may replace them.
SpecialTokens::SpecialTokens(const TokenizerSettings& settings, const TokenizerClass* kind,
                             const StoredTokens& stored)
    : settings_(settings),
      kind_(kind),
      stored_(stored.added),
      listed_(settings.added_tokens(stored.added)) {
  find_roles(stored);
  find_extra();
}

/// Token of each role: from the settings, else the default of the class. A role that is null in the
/// settings is without a token, whatever the default is.
void SpecialTokens::find_roles(const StoredTokens& stored) {
  const bool decoder = settings_.root().find("added_tokens_decoder").has_value();
  const auto with_properties = [&](const SettingsToken& token) {
    const auto same = [&](const AddedToken& other) { return other.content == token.content; };
    // Properties in tokenizer.json count before those in added_tokens.json.
    const auto in_file = std::ranges::find_if(stored.added, same);
    const auto found = std::ranges::find_if(listed_, [&](const auto& listed) {
      const bool counts = decoder || in_file == stored.added.end() || listed.first == in_file->id;
      return counts && listed.second.content == token.content;
    });
    return found == listed_.end() ? token : found->second;
  };
  for (std::size_t i = 0; i < kTokenRoles.size(); ++i) {
    const char* role = kTokenRoles[i];
    // A token that the settings name gets the properties under which it is listed elsewhere.
    if (settings_.has(role)) {
      if (const auto token = settings_.token(role))
        roles_.emplace_back(role, with_properties(*token));
      continue;
    }
    const bool of_padding = std::string_view(role) == "pad_token" &&
                            (kind_ == nullptr || kind_->defaults[i] == kOfPadding);
    SettingsToken token;
    if (of_padding && stored.padding)
      token.content = *stored.padding;
    else if (kind_ != nullptr && kind_->defaults[i] != nullptr && !of_padding)
      token.content = kind_->defaults[i];
    else
      continue;
    roles_.emplace_back(role, std::move(token));
  }
  general_roles_ = roles_.size();
}

/// Tokens without a role, and roles that only this model has.
void SpecialTokens::find_extra() {
  auto extra = settings_.extra_tokens();
  for (auto& [name, token] : extra.named) {
    const auto same = [&, &key = name](const auto& role) { return role.first == key; };
    const auto found = std::ranges::find_if(roles_, same);
    if (found == roles_.end())
      roles_.emplace_back(name, std::move(token));
    else
      found->second = std::move(token);
  }
  if (extra.stated)
    extra_ = std::move(extra.list);
  else if (kind_ != nullptr && kind_->name == "T5Tokenizer")
    extra_ = t5_additional(settings_);
  else
    extra_ = settings_.additional_tokens().value_or(std::vector<SettingsToken>());
}

/// Whether a text is the token of a role, which makes it special.
bool SpecialTokens::is_named(const std::string& content) const {
  return std::ranges::any_of(roles_,
                             [&](const auto& role) { return role.second.content == content; });
}

// Tokens of roles that are specific to a model are new in the order of the file, which is not kept.
void SpecialTokens::refuse_unordered(const AddedVocabulary& vocabulary) const {
  std::set<std::string> fresh;
  for (std::size_t i = general_roles_; i < roles_.size(); ++i)
    if (const std::string& content = roles_[i].second.content; !vocabulary.id_of(content))
      fresh.insert(content);
  for (const auto& [id, token] : listed_) fresh.erase(token.content);
  if (fresh.size() > 1)
    settings_.root().fail("the tokens \"" + *fresh.begin() + "\" and \"" + *fresh.rbegin() +
                          "\" have a role, but no file gives their ids; list them in "
                          "added_tokens_decoder");
}

/// Tokens in the order in which they get ids: the listed ones, then roles, then extra ones.
std::vector<SettingsToken> SpecialTokens::tokens_to_add(const AddedVocabulary& vocabulary) const {
  std::vector<SettingsToken> tokens;
  std::set<std::string> listed;
  for (const auto& [id, token] : listed_) {
    tokens.push_back(token);
    listed.insert(token.content);
  }
  const auto add = [&](const SettingsToken& token) {
    // A listed token has its properties already.
    if (listed.contains(token.content) || vocabulary.contains(token.content)) return;
    if (std::ranges::find(tokens, token) == tokens.end()) tokens.push_back(token);
  };
  for (const auto& [role, token] : roles_) add(token);
  for (const SettingsToken& token : extra_) add(token);
  // Tokens that were stated as a text, and those with a role, are special in any case.
  for (SettingsToken& token : tokens)
    if (token.plain_text || is_named(token.content)) token.special = true;
  return tokens;
}

/// Adds tokens in the steps of transformers: each step counts the tokens of the one before.
void SpecialTokens::add_to(AddedVocabulary& vocabulary) const {
  const auto add = [&](const std::vector<SettingsToken>& tokens) {
    std::vector<AddedToken> added;
    for (const SettingsToken& token : tokens) added.push_back(token.added());
    vocabulary.add(added);
  };
  if (kind_ == nullptr) vocabulary.add_stored(stored_);
  refuse_unordered(vocabulary);
  add(tokens_to_add(vocabulary));
  // This class adds its tokens a second time, which resets their properties.
  if (kind_ == nullptr || kind_->name != "Qwen2Tokenizer") return;
  std::vector<SettingsToken> specials;  // without the properties that other files give them
  const auto take = [&](const SettingsToken& token) {
    SettingsToken plain;
    plain.content = token.content;
    if (std::ranges::find(specials, plain) == specials.end()) specials.push_back(std::move(plain));
  };
  for (const auto& [role, token] : roles_) take(token);
  for (const SettingsToken& token : extra_) take(token);
  add(specials);
}

std::optional<std::string> SpecialTokens::token(std::string_view role) const {
  const auto found =
      std::ranges::find_if(roles_, [&](const auto& entry) { return entry.first == role; });
  return found == roles_.end() ? std::nullopt : std::optional(found->second.content);
}

}  // namespace lensbench
