#include <fstream>
#include <lensbench/error.hpp>

#include "checkpoint/tokenizer/formats/loader.hpp"
#include "checkpoint/tokenizer/models/bpe_model.hpp"
#include "core/text/json.hpp"

namespace lensbench {
namespace {

constexpr JsonLimits kVocabularyLimits{.max_bytes = 64u << 20, .max_depth = 2};

void read_merges(BpeModel& model, const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !std::filesystem::is_regular_file(path, error) || !file)
    throw InputError(path.string() +
                     ": cannot be read; vocab.json needs merges.txt in its directory");
  if (size > kVocabularyLimits.max_bytes)
    throw InputError(path.string() + ": too large (" + std::to_string(size) + " bytes, at most " +
                     std::to_string(kVocabularyLimits.max_bytes) + " are allowed)");
  const std::string name = path.string();
  const nlohmann::json no_value;
  const JsonReader where(no_value, name);
  std::string line;
  while (std::getline(file, line)) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && !line.starts_with("#version")) add_merge_line(model, line, where);
  }
}

}  // namespace

std::unique_ptr<const TokenModel> read_vocab_and_merges(const std::filesystem::path& directory) {
  const auto vocab_path = directory / "vocab.json";
  const nlohmann::json json = read_json(vocab_path, kVocabularyLimits);
  const JsonReader root(json, vocab_path.string());
  auto model = std::make_unique<BpeModel>(read_vocabulary(root), BpeOptions{}, root);
  read_merges(*model, directory / "merges.txt");
  return model;
}

}  // namespace lensbench
