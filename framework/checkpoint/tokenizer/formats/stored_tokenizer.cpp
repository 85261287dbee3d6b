#include "checkpoint/tokenizer/formats/stored_tokenizer.hpp"

#include "core/text/json.hpp"

// Content of a tokenizer.json, read once. It comes from elsewhere, so its size and depth are
// limited, and every field is read with a check of its type.

namespace lensbench {
namespace {

constexpr JsonLimits kTokenizerLimits{.max_bytes = 64u << 20, .max_depth = 64};

/// Checks `truncation` and `padding`, which are settings for batches. They are not applied: every
/// text keeps all its tokens, as by default in `transformers`.
void check_batch_settings(const JsonReader& root) {
  if (const auto truncation = root.find("truncation")) {
    const auto length = truncation->at("max_length").integer({0, INT64_MAX});
    const auto stride = truncation->find("stride");
    if (stride && length > 0 && stride->integer({0, INT64_MAX}) >= length)
      stride->fail("the stride must be less than max_length, " + std::to_string(length));
  }
  if (const auto padding = root.find("padding")) {
    const JsonReader strategy = padding->at("strategy");
    if (strategy.value().is_object()) strategy.at("Fixed").integer({1, INT32_MAX});
    if (const auto multiple = padding->find("pad_to_multiple_of"))
      multiple->integer({1, INT32_MAX});
  }
}

}  // namespace

/// The file is read as a whole, since its parts refer to each other.
StoredTokenizer::StoredTokenizer(const std::filesystem::path& path)
    : json_(read_json(path, kTokenizerLimits)), name_(path.string()) {
  read();
}

StoredTokenizer::StoredTokenizer(std::string_view text, const std::string& name)
    : json_(parse_json(text, name, kTokenizerLimits)), name_(name) {
  read();
}

/// Checks and reads what every tokenizer needs; the parts are read by their own readers.
void StoredTokenizer::read() {
  root().at("model");
  check_batch_settings(root());
  if (const auto added = root().find("added_tokens")) tokens_.added = read_added_tokens(*added);
  const auto padding = root().find("padding");
  if (const auto token = padding ? padding->find("pad_token") : std::nullopt)
    tokens_.padding = token->string();
}

/// The field that messages about added tokens name.
JsonReader StoredTokenizer::where() const {
  if (exists())
    if (const auto added = root().find("added_tokens")) return *added;
  return root();
}

/// Whether a part is of type ByteLevel, by the search for the word that transformers makes.
bool StoredTokenizer::is_byte_level() const {
  constexpr const char* kType = "ByteLevel";
  for (const char* part : {"normalizer", "pre_tokenizer", "post_processor", "decoder"})
    if (json_.contains(part) && json_[part].dump().find("\"ByteLevel\"") != std::string::npos)
      return true;
  // transformers searches the whole file for the word.
  const auto& model = json_["model"];
  if (model.is_object() && model.contains("vocab") && model["vocab"].is_object() &&
      model["vocab"].contains(kType))
    return true;
  for (const AddedToken& token : tokens_.added)
    if (token.content == kType) return true;
  return false;
}

nlohmann::json StoredTokenizer::charsmap() const {
  const auto normalizer = root().find("normalizer");
  if (!normalizer) return nullptr;
  const auto table_of = [](const JsonReader& step) -> nlohmann::json {
    const auto table = step.find("precompiled_charsmap");
    return table && step.at("type").string() == "Precompiled" ? table->value() : nullptr;
  };
  const auto steps = normalizer->find("normalizers");
  if (!steps) return table_of(*normalizer);
  for (std::size_t i = 0; i < steps->size(); ++i)
    if (auto table = table_of(steps->at(i)); !table.is_null()) return table;
  return nullptr;
}

std::unique_ptr<const PostProcessor> StoredTokenizer::post_processor(
    const AddedVocabulary& vocabulary) const {
  const auto field = root().find("post_processor");
  if (!field) return nullptr;
  return read_post_processor(*field,
                             [&](std::string_view token) { return vocabulary.id_of(token); });
}

/// Vocabulary and merges are moved, because a large vocabulary takes tens of megabytes as JSON.
void StoredTokenizer::take_vocabulary(const TokenizerClass& kind, const TokenizerSettings& settings,
                                      nlohmann::json& model) {
  const JsonReader stored = root().at("model");
  const auto type = stored.find("type");
  if ((type && type->string() != kind.model) ||
      stored.at("vocab").value().is_array() != (kind.model == "Unigram"))
    settings.root().fail("tokenizer_class",
                         std::string(kind.name) + " builds a model of type " +
                             std::string(kind.model) + ", but that of tokenizer.json is " +
                             (type ? type->string() : "of another type") +
                             "; to take the file as it is, set tokenizer_class to "
                             "\"PreTrainedTokenizerFast\"");
  nlohmann::json& from = json_["model"];
  model["type"] = kind.model;
  model["vocab"] = std::move(from["vocab"]);
  if (kind.model != "BPE") return;
  const bool merged = from.contains("merges") && !from["merges"].is_null();
  model["merges"] = merged ? std::move(from["merges"]) : nlohmann::json::array();
}

}  // namespace lensbench
