#include "core/files/text_lines.hpp"

#include <algorithm>
#include <cctype>
#include <lensbench/error.hpp>
#include <string_view>
#include <utility>

#include "core/text/lfs_pointer.hpp"
#include "core/text/utf8.hpp"

// Lines of prompts and documents. Bytes that are not what the user meant (another encoding, another
// format) would become tokens silently and give results for other texts, so they are refused with
// the command that converts the file.

namespace lensbench {
namespace {

/// Ending of a name in lower case: systems that ignore case write endings in capitals.
std::string lower_extension(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending;
}

/// Refuses files of other formats, which would silently become texts line by line.
void check_format(const std::filesystem::path& path, const std::string& noun) {
  const std::string extension = lower_extension(path);
  if (extension == ".json")
    throw InputError(path.string() +
                     ": a JSON file would be read as lines of text; write one JSON object on each "
                     "line of a .jsonl file (of an array: jq -c '.[]' FILE.json > FILE.jsonl)");
  if (extension == ".csv" || extension == ".tsv")
    throw InputError(path.string() + ": a table would be read as lines of text; write one " + noun +
                     " on each line of a .txt file, or {\"text\": …} on each line of a .jsonl "
                     "file");
}

/// Refuses bytes that would become other tokens than the text they were meant to be.
void check_encoding(std::string_view line, std::int64_t number, const std::string& where,
                    const std::string& noun) {
  // In the first line only, since the mark has another meaning elsewhere.
  if (number == 1 && line.starts_with("\xef\xbb\xbf"))
    throw InputError(where + ": starts with a byte order mark, which would become tokens of the " +
                     noun + "; remove it (sed -i '1s/^\\xef\\xbb\\xbf//' FILE)");
  const bool marked = line.starts_with("\xff\xfe") || line.starts_with("\xfe\xff");
  if ((number == 1 && marked) || line.find('\0') != std::string_view::npos)
    throw InputError(
        where +
        ": is UTF-16 or binary (found a UTF-16 byte order mark or a NUL byte, expected "
        "UTF-8 text); convert it (iconv -f UTF-16 -t UTF-8 FILE > NEW)");
  const std::size_t valid = valid_utf8_prefix(line);
  // Columns count from 1 in messages.
  if (valid != line.size())
    throw InputError(where + ": byte " + std::to_string(valid + 1) +
                     " of the line is not UTF-8; convert the file (from Latin-1: iconv -f LATIN1 "
                     "-t UTF-8 FILE > NEW)");
}

}  // namespace

/// Pipes are refused: the archive records the SHA-256 of the file, which has to be read a second
/// time.
TextLines::TextLines(std::filesystem::path path, std::string noun)
    : path_(std::move(path)), noun_(std::move(noun)) {
  std::error_code ignored;
  const auto kind = std::filesystem::status(path_, ignored).type();
  if (kind == std::filesystem::file_type::fifo || kind == std::filesystem::file_type::character)
    throw InputError(path_.string() + ": a pipe or device can be read only once; save the " +
                     noun_ + "s to a file, whose SHA-256 the archive records");
  if (kind == std::filesystem::file_type::directory)
    throw InputError(path_.string() + ": is a folder, expected a file of " + noun_ +
                     "s; give the path of a file in it");
  if (kind == std::filesystem::file_type::not_found)
    throw InputError(path_.string() + ": the " + noun_ +
                     "s file does not exist; give the path of a file");
  file_.open(path_, std::ios::binary);
  if (!file_)
    throw InputError(path_.string() + ": the " + noun_ +
                     "s file cannot be read; check its permissions");
  check_format(path_, noun_);
}

/// Offsets are in bytes of the file, with line ends, so that `seek` finds the line again.
bool TextLines::next(std::string& line) {
  while (true) {
    if (!std::getline(file_, line)) return false;
    offset_ = next_offset_;
    // One byte for the line feed, which getline has removed.
    next_offset_ += std::ssize(line) + 1;
    ++number_;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (number_ == 1) refuse_lfs_pointer(line, path_.string());
    if (line.empty()) continue;
    check_encoding(line, number_, where(), noun_);
    return true;
  }
}

/// `clear` comes first, because a stream at its end does not seek.
void TextLines::seek(std::int64_t offset, std::int64_t number) {
  file_.clear();
  file_.seekg(offset);
  next_offset_ = offset;
  number_ = number - 1;
}

bool TextLines::json() const {
  const std::string extension = lower_extension(path_);
  return extension == ".jsonl" || extension == ".ndjson";
}

std::string TextLines::where() const {
  return path_.string() + ":" + std::to_string(number_);
}

}  // namespace lensbench
