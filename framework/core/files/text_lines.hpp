#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace lensbench {

/// Non-empty lines of a UTF-8 text file, read one at a time. `\r` at the end of a line is removed.
class TextLines {
 public:
  /// Opens a file.
  /// \param path  file of prompts or documents
  /// \param noun  what a line is, for messages: `prompt`
  /// \throws InputError for a pipe, a file that cannot be read, or one of another format (JSON,
  ///   CSV, by the ending of its name in any case), which would silently become lines of text
  TextLines(std::filesystem::path path, std::string noun);

  /// Reads the next line that is not empty. \return false after the last one
  /// \throws InputError with file and line for bytes that are not UTF-8, and for a Git LFS pointer
  bool next(std::string& line);
  /// Goes to a line that `next` read before.
  /// \param offset  `offset` after that call
  /// \param number  `number` after that call
  void seek(std::int64_t offset, std::int64_t number);

  std::int64_t number() const { return number_; }  ///< number of the current line, from 1
  std::int64_t offset() const { return offset_; }  ///< bytes before the current line
  std::string where() const;                       ///< `texts.txt:12`, for messages
  /// Whether each line is a JSON object: the name ends in `.jsonl` or `.ndjson`, in any case.
  bool json() const;

 private:
  std::filesystem::path path_;
  std::string noun_;
  std::ifstream file_;
  std::int64_t number_ = 0, offset_ = 0, next_offset_ = 0;
};

}  // namespace lensbench
