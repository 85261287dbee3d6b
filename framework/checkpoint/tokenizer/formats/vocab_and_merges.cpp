#include <sstream>

#include "checkpoint/tokenizer/formats/loader.hpp"
#include "checkpoint/tokenizer/models/bpe_model.hpp"
#include "core/files/regular_file.hpp"
#include "core/text/json.hpp"

// Byte-level BPE from vocab.json and merges.txt, the form of GPT-2. Files of other kinds than
// regular ones and of more than 64 MiB are refused.

namespace lensbench {
namespace {

constexpr JsonLimits kVocabularyLimits{.max_bytes = 64u << 20, .max_depth = 2};

/// Reads one merge per line, in order of rank.
/// \throws InputError with the merge if one of its tokens is not in the vocabulary
void read_merges(BpeModel& model, const std::filesystem::path& path) {
  std::istringstream file(read_regular_file(path, kVocabularyLimits.max_bytes,
                                            "vocab.json needs merges.txt in its directory"));
  const std::string name = path.string();
  // Messages name the file alone, since a line is not a field of JSON.
  const nlohmann::json no_value;
  const JsonReader where(no_value, name);
  std::string line;
  while (std::getline(file, line)) {
    // Files that were edited on Windows end their lines with CR LF.
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && !line.starts_with("#version")) add_merge_line(model, line, where);
  }
}

}  // namespace

/// The merges refer to tokens of the vocabulary, which is therefore read first.
std::unique_ptr<const TokenModel> read_vocab_and_merges(const std::filesystem::path& directory) {
  const auto vocab_path = directory / "vocab.json";
  const nlohmann::json json = read_json(vocab_path, kVocabularyLimits);
  const JsonReader root(json, vocab_path.string());
  auto model = std::make_unique<BpeModel>(read_vocabulary(root), BpeOptions{}, root);
  read_merges(*model, directory / "merges.txt");
  return model;
}

}  // namespace lensbench
