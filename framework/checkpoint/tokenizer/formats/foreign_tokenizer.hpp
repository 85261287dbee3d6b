#pragma once

#include <filesystem>
#include <lensbench/export.hpp>
#include <string>

namespace lensbench {

/// For a directory in which `Tokenizer::open` found nothing: the sentence that says which tokenizer
/// in another form it holds (SentencePiece, tiktoken) and how to convert it; empty if there is
/// none.
LENSBENCH_API std::string explain_foreign_tokenizer(const std::filesystem::path& directory);

}  // namespace lensbench
