#include <algorithm>
#include <array>
#include <fstream>
#include <lensbench/error.hpp>
#include <sstream>
#include <unordered_map>

#include "checkpoint/tokenizer/formats/loader.hpp"
#include "checkpoint/tokenizer/models/wordpiece_model.hpp"
#include "core/text/utf8.hpp"

namespace lensbench {
namespace {

constexpr std::size_t kMostBytes = 64u << 20;

void check_class(const std::filesystem::path& directory, const TokenizerConfig& config) {
  std::string name = config.tokenizer_class().value_or("BertTokenizer");
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  constexpr std::array<std::string_view, 3> kKnown = {"BertTokenizer", "DistilBertTokenizer",
                                                      "ElectraTokenizer"};
  const std::string file = (directory / "tokenizer_config.json").string();
  if (std::ranges::find(kKnown, name) == kKnown.end())
    throw InputError(file + ": the tokenizer class '" + name +
                     "' cannot be read from vocab.txt (BertTokenizer, DistilBertTokenizer and "
                     "ElectraTokenizer can); save it with save_pretrained to get a tokenizer.json");
  if (!config.flag_or("do_basic_tokenize", true))
    throw InputError(file +
                     ": do_basic_tokenize is false, which is not supported; save the tokenizer "
                     "with save_pretrained to get a tokenizer.json");
}

std::string read_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !std::filesystem::is_regular_file(path, error) || !file)
    throw InputError(path.string() + ": cannot be read");
  if (size > kMostBytes)
    throw InputError(path.string() + ": too large (" + std::to_string(size) + " bytes, at most " +
                     std::to_string(kMostBytes) + " are allowed)");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Lines of a text by the rules of Python's text files: ended by LF, CR or CR LF.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of("\r\n");
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(text.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  return lines;
}

/// Vocabulary with one token per line, whose id is the line number; of equal lines, the last
/// counts.
Vocabulary read_lines(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  if (valid_utf8_prefix(text) != text.size())
    throw InputError(path.string() + ": byte " + std::to_string(valid_utf8_prefix(text)) +
                     " is not valid UTF-8");
  const auto lines = lines_of(text);
  std::unordered_map<std::string_view, std::size_t> last;
  for (std::size_t i = 0; i < lines.size(); ++i) last[lines[i]] = i;
  Vocabulary vocabulary(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (last.at(lines[i]) == i) vocabulary.add(std::string(lines[i]), static_cast<std::int64_t>(i));
  return vocabulary;
}

struct Roles {
  std::string unk, sep, pad, cls, mask;
};

Roles roles_of(const TokenizerConfig& config) {
  const auto role = [&](const char* name, const char* otherwise) {
    return config.token(name).value_or(otherwise);
  };
  return {role("unk_token", "[UNK]"), role("sep_token", "[SEP]"), role("pad_token", "[PAD]"),
          role("cls_token", "[CLS]"), role("mask_token", "[MASK]")};
}

std::vector<AddedToken> added_tokens(const Roles& roles, const TokenizerConfig& config,
                                     const Vocabulary& vocabulary) {
  auto tokens = config.added_tokens();
  for (const std::string& content : {roles.pad, roles.unk, roles.cls, roles.sep, roles.mask}) {
    const auto same = [&](const AddedToken& token) { return token.content == content; };
    const auto id = vocabulary.id_of(content);
    if (!id || std::ranges::any_of(tokens, same)) continue;
    AddedToken token = config.special_entry(content);
    token.id = *id;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace

TokenizerParts load_vocab_txt(const std::filesystem::path& directory,
                              const TokenizerConfig& config) {
  check_class(directory, config);
  const auto path = directory / "vocab.txt";
  const Roles roles = roles_of(config);
  Vocabulary vocabulary = read_lines(path);
  const auto require = [&](const std::string& token, const char* role) {
    if (const auto id = vocabulary.id_of(token)) return *id;
    throw InputError(path.string() + ": a line \"" + token + "\" is missing, the " + role +
                     " of this tokenizer");
  };
  require(roles.unk, "unk_token");
  const std::int64_t cls = require(roles.cls, "cls_token"), sep = require(roles.sep, "sep_token");

  BertNormalization normalization;
  normalization.lowercase = config.flag_or("do_lower_case", true);
  normalization.chinese_characters = config.flag_or("tokenize_chinese_chars", true);
  normalization.strip_accents = config.flag_or("strip_accents", normalization.lowercase);

  TokenizerParts parts;
  parts.normalizer = bert_normalizer(normalization);
  parts.pre_tokenizer = bert_pre_tokenizer();
  const nlohmann::json no_value;
  const std::string name = path.string();
  parts.added = std::make_unique<AddedTokens>(added_tokens(roles, config, vocabulary), vocabulary,
                                              parts.normalizer.get(), JsonReader(no_value, name));
  parts.post_processor = template_post_processor({cls}, {sep});
  parts.decoder = wordpiece_decoder();
  WordPieceOptions options;
  options.unk_token = roles.unk;
  parts.model = std::make_unique<WordPieceModel>(std::move(vocabulary), std::move(options), name);
  parts.files = {path};
  return parts;
}

}  // namespace lensbench
