#pragma once

#include <filesystem>

#include "checkpoint/tokenizer/formats/tokenizer_config.hpp"
#include "checkpoint/tokenizer/pipeline_tokenizer.hpp"

namespace lensbench {

/// Reads the parts of a tokenizer from `tokenizer.json`. \throws InputError with file and field
TokenizerParts load_tokenizer_json(const std::filesystem::path& file);

/// Reads a tokenizer from the text of a `tokenizer.json`, without other files.
/// \param name  name of the file, for messages
/// \throws InputError
LENSBENCH_API std::shared_ptr<const Tokenizer> parse_tokenizer_json(std::string_view text,
                                                                    const std::string& name);

/// Reads the parts of a BERT tokenizer from `vocab.txt` in `directory`. \throws InputError
TokenizerParts load_vocab_txt(const std::filesystem::path& directory,
                              const TokenizerConfig& config);

/// Reads the parts of a GPT-2, RoBERTa or Qwen2 tokenizer from `vocab.json` and `merges.txt` in
/// `directory`. \throws InputError with file and field, or for a tokenizer class that these files
/// cannot describe
TokenizerParts load_vocab_and_merges(const std::filesystem::path& directory,
                                     const TokenizerConfig& config);

}  // namespace lensbench
