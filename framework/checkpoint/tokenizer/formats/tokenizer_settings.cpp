#include "checkpoint/tokenizer/formats/tokenizer_settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "core/text/json.hpp"

// Settings of a tokenizer from up to four JSON files that overrule each other. The order in which
// they count is that of transformers; a field that is null is not the same as a missing one in
// several places.

namespace lensbench {
namespace {

constexpr JsonLimits kConfigLimits{.max_bytes = 16u << 20, .max_depth = 64};
constexpr const char* kExtra = "extra_special_tokens";
constexpr const char* kAdditional = "additional_special_tokens";

/// Token with properties, in the form of `added_tokens_decoder`.
SettingsToken read_properties(const JsonReader& field) {
  SettingsToken token;
  token.content = field.at("content").string();
  token.plain_text = false;
  token.special = field.boolean_or("special", false);
  if (const auto normalized = field.find("normalized")) token.normalized = normalized->boolean();
  token.single_word = field.boolean_or("single_word", false);
  token.lstrip = field.boolean_or("lstrip", false);
  token.rstrip = field.boolean_or("rstrip", false);
  return token;
}

/// A token that is stored as a string or as an object.
/// \param always_special  as for objects in special_tokens_map.json
SettingsToken read_token(const JsonReader& field, bool always_special) {
  if (field.value().is_object()) {
    SettingsToken token = read_properties(field);
    token.special = token.special || always_special;
    return token;
  }
  SettingsToken token;
  token.content = field.string();
  return token;
}

std::vector<SettingsToken> read_tokens(const JsonReader& list, bool always_special) {
  std::vector<SettingsToken> tokens;
  for (std::size_t i = 0; i < list.size(); ++i)
    tokens.push_back(read_token(list.at(i), always_special));
  return tokens;
}

bool is_false(const nlohmann::json& value) {  // as Python's `not value`
  return value.is_null() || (value.is_structured() && value.empty());
}

/// Token of a tokenizer.json in the form of the settings.
SettingsToken settings_token(const AddedToken& token) {
  return {token.content,     false,        token.special, token.normalized,
          token.single_word, token.lstrip, token.rstrip};
}

bool is_role(std::string_view key) {
  return std::ranges::find(kTokenRoles, key) != kTokenRoles.end();
}

}  // namespace

AddedToken SettingsToken::added() const {
  AddedToken token;
  token.content = content;
  token.special = special;
  token.normalized = normalized.value_or(!special);
  token.single_word = single_word;
  token.lstrip = lstrip;
  token.rstrip = rstrip;
  return token;
}

/// Missing files count as empty objects, so that the functions below need not ask.
TokenizerSettings::TokenizerSettings(const std::filesystem::path& directory)
    : config_(read(directory / "tokenizer_config.json")),
      map_(read(directory / "special_tokens_map.json")),
      added_(read(directory / "added_tokens.json")),
      model_(read(directory / "config.json")) {
  std::erase(files_, directory / "config.json");  // a file of the model
}

TokenizerSettings::File TokenizerSettings::read(const std::filesystem::path& path) {
  File file{path.string(), nlohmann::json::object()};
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return file;
  file.json = read_json(path, kConfigLimits);
  if (!file.json.is_object()) file.field().fail_expected("an object");
  files_.push_back(path);
  return file;
}

/// Text of a field that may have any type, because files of models are not checked here.
std::string TokenizerSettings::text_of(const File& file, const char* key) {
  const auto field = file.json.find(key);
  return field != file.json.end() && field->is_string() ? field->get<std::string>() : "";
}

/// A stated class must be a text; anything else would be ignored silently.
std::string TokenizerSettings::tokenizer_class() const {
  const auto field = config_.field().find("tokenizer_class");
  return field ? field->string() : "";
}

/// `auto_map` is a list in older folders and an object of classes in newer ones.
bool TokenizerSettings::has_own_code() const {
  const auto map = config_.json.find("auto_map");
  if (map == config_.json.end()) return false;
  return map->is_array() || (map->is_object() && map->contains("AutoTokenizer"));
}

/// special_tokens_map.json counts only without `added_tokens_decoder`, which replaced it.
bool TokenizerSettings::map_counts() const {
  return !config_.field().find("added_tokens_decoder").has_value();
}

/// File whose value of a field counts; null if both lack it.
const TokenizerSettings::File* TokenizerSettings::holder_of(const std::string& key) const {
  if (map_counts() && map_.json.contains(key)) return &map_;
  return config_.json.contains(key) ? &config_ : nullptr;
}

std::optional<JsonReader> TokenizerSettings::find(const std::string& key) const {
  const File* holder = holder_of(key);
  return holder ? holder->field().find(key) : std::nullopt;
}

bool TokenizerSettings::flag_or(const std::string& key, bool otherwise) const {
  const auto field = find(key);
  return field ? field->boolean() : otherwise;
}

/// Objects in special_tokens_map.json are special whatever they say.
std::optional<SettingsToken> TokenizerSettings::token(const std::string& key) const {
  const auto field = find(key);
  if (!field) return std::nullopt;
  return read_token(*field, holder_of(key) == &map_);
}

/// Extra tokens by the ways in which versions of transformers have stored them.
TokenizerSettings::ExtraTokens TokenizerSettings::extra_tokens() const {
  ExtraTokens extra;
  take_role_fields(config_, extra);
  if (map_counts()) take_role_fields(map_, extra);
  const auto& json = config_.json;
  // The older field counts in place of the newer one where that is missing or empty.
  const bool moved = json.contains(kAdditional) && is_false(json.value(kExtra, nlohmann::json()));
  extra.stated = moved || json.contains(kExtra);
  if (const auto list = config_.field().find(moved ? kAdditional : kExtra))
    take_list(*list, false, extra);
  if (const auto saved = config_.field().find("model_specific_special_tokens");
      saved && extra.named.empty())
    take_named(*saved, extra);
  // A list in the map is added to one in the settings; anything else in the map replaces it.
  if (!map_counts() || !map_.json.contains(kExtra)) return extra;
  extra.stated = true;
  const auto list = map_.field().find(kExtra);
  if (!list || list->value().is_object()) extra.list.clear();
  if (list) take_list(*list, true, extra);
  return extra;
}

/// Takes the fields of roles that only some models have, such as `image_token`.
void TokenizerSettings::take_role_fields(const File& file, ExtraTokens& extra) const {
  const bool of_map = &file == &map_;
  for (const auto& item : file.json.items()) {
    const nlohmann::json& value = item.value();
    const bool marked = value.is_object() && (of_map || value.contains("__type"));
    // Fields such as `image_token`; the general roles are read elsewhere.
    if (item.key().ends_with("_token") && !is_role(item.key()) && (value.is_string() || marked))
      extra.named.emplace_back(item.key(), read_token(file.field().at(item.key()), of_map));
  }
}

/// Takes a list of tokens, or an object of roles and tokens.
void TokenizerSettings::take_list(const JsonReader& field, bool always_special,
                                  ExtraTokens& extra) {
  if (field.value().is_object()) {
    take_named(field, extra);
    extra.stated = false;
    return;
  }
  for (SettingsToken& token : read_tokens(field, always_special))
    if (!always_special || std::ranges::find(extra.list, token) == extra.list.end())
      extra.list.push_back(std::move(token));
}

void TokenizerSettings::take_named(const JsonReader& roles, ExtraTokens& extra) {
  for (const auto& item : roles.value().items())
    extra.named.emplace_back(item.key(), read_token(roles.at(item.key()), false));
}

/// The older list of tokens, unless the newer field takes its place.
std::optional<std::vector<SettingsToken>> TokenizerSettings::additional_tokens() const {
  const bool of_map = map_counts() && map_.json.contains(kAdditional);
  const bool moved = is_false(config_.json.value(kExtra, nlohmann::json()));
  if (!of_map && (moved || !config_.json.contains(kAdditional))) return std::nullopt;
  const auto list = (of_map ? map_ : config_).field().find(kAdditional);
  return list ? std::optional(read_tokens(*list, false)) : std::nullopt;
}

/// Texts of tokens that are special when added_tokens.json, which has only ids, is read. The
/// reference library compares texts before it reads the objects of tokenizer_config.json.
std::set<std::string> TokenizerSettings::special_contents() const {
  std::set<std::string> contents;
  for (const char* role : kTokenRoles)
    if (const auto found = token(role); found && (found->plain_text || holder_of(role) == &map_))
      contents.insert(found->content);
  for (const SettingsToken& token : extra_tokens().list)
    if (token.plain_text) contents.insert(token.content);
  if (const auto mapped = map_.field().find(kExtra); mapped && mapped->value().is_array())
    for (const SettingsToken& token : read_tokens(*mapped, true)) contents.insert(token.content);
  return contents;
}

std::vector<std::pair<std::int64_t, SettingsToken>> TokenizerSettings::added_tokens(
    const std::vector<AddedToken>& stored) const {
  std::map<std::int64_t, SettingsToken> tokens;
  // The newest form has all properties by id, so the other files do not count.
  if (const auto decoder = config_.field().find("added_tokens_decoder")) {
    if (!decoder->value().is_object()) decoder->fail("expected an object of ids and tokens");
    std::set<std::string> contents;
    for (const auto& [id, entry] : decoder->value().items()) {
      std::int64_t number = -1;
      const auto parsed = std::from_chars(id.data(), id.data() + id.size(), number);
      if (parsed.ec != std::errc() || parsed.ptr != id.data() + id.size())
        decoder->fail("\"" + id + "\" is not a token id");
      const SettingsToken token = read_properties(decoder->at(id));
      if (!contents.insert(token.content).second)
        decoder->fail("lists the token \"" + token.content + "\" for two ids; keep one of them");
      tokens.insert_or_assign(number, token);
    }
    return {tokens.begin(), tokens.end()};
  }
  // Older form: ids in added_tokens.json, properties elsewhere.
  const auto specials = special_contents();
  for (const auto& item : added_.json.items()) {
    const std::string& content = item.key();
    SettingsToken token;
    token.content = content;
    token.plain_text = false;
    token.special = specials.contains(content);
    token.normalized = !token.special;
    tokens.insert_or_assign(added_.field().at(content).integer({0, INT64_MAX}), token);
  }
  // A tokenizer.json overrules ids of the older files.
  for (const AddedToken& token : stored) tokens.insert_or_assign(token.id, settings_token(token));
  return {tokens.begin(), tokens.end()};
}

}  // namespace lensbench
