#pragma once

#include <filesystem>
#include <string>

namespace lensbench {

/// Message about a tokenizer of another format (SentencePiece, tiktoken) in a directory in which
/// `Tokenizer::open` did not find a tokenizer, and how to convert it; empty without such a file.
/// \throws InputError if the file is a Git LFS pointer
std::string explain_foreign_tokenizer(const std::filesystem::path& directory);

}  // namespace lensbench
