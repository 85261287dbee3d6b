#include <lensbench/error.hpp>
#include <unordered_map>

#include "checkpoint/tokenizer/formats/loader.hpp"
#include "checkpoint/tokenizer/models/wordpiece_model.hpp"
#include "core/files/regular_file.hpp"
#include "core/text/utf8.hpp"

// WordPiece vocabulary of BERT: one token per line, the line number is the id.

namespace lensbench {
namespace {

constexpr std::uint64_t kMostVocabularyBytes = 64u << 20;

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
  const std::string text = read_regular_file(path, kMostVocabularyBytes);
  if (valid_utf8_prefix(text) != text.size())
    throw InputError(path.string() + ": byte " + std::to_string(valid_utf8_prefix(text)) +
                     " is not valid UTF-8");
  const auto lines = lines_of(text);
  std::unordered_map<std::string_view, std::size_t> last;
  // The last of equal lines counts, as in the dictionary that transformers builds; the other ids
  // remain unused.
  for (std::size_t i = 0; i < lines.size(); ++i) last[lines[i]] = i;
  Vocabulary vocabulary(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (last.at(lines[i]) == i) vocabulary.add(std::string(lines[i]), static_cast<std::int64_t>(i));
  return vocabulary;
}

}  // namespace

std::unique_ptr<const TokenModel> read_vocab_txt(const std::filesystem::path& file,
                                                 const std::string& unk_token) {
  WordPieceOptions options;
  options.unk_token = unk_token;
  return std::make_unique<WordPieceModel>(read_lines(file), std::move(options), file.string());
}

}  // namespace lensbench
