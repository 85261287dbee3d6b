#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "checkpoint/tokenizer/models/token_model.hpp"
#include "checkpoint/tokenizer/pipeline_tokenizer.hpp"

namespace lensbench {

/// Reads a tokenizer from the text of a `tokenizer.json`, without other files.
/// \param name  name of the file, for messages
/// \throws InputError
std::shared_ptr<const Tokenizer> parse_tokenizer_json(std::string_view text,
                                                      const std::string& name);

/// Reads a WordPiece vocabulary, one token per line. \throws InputError
std::unique_ptr<const TokenModel> read_vocab_txt(const std::filesystem::path& file,
                                                 const std::string& unk_token);

/// Reads a byte-level BPE from `vocab.json` and `merges.txt`. \throws InputError with file and
/// field
std::unique_ptr<const TokenModel> read_vocab_and_merges(const std::filesystem::path& directory);

}  // namespace lensbench
