#pragma once

#include <filesystem>

#include "checkpoint/tokenizer/pipeline_tokenizer.hpp"
#include "checkpoint/tokenizer/tokenizer_config.hpp"

namespace lensbench {

/// The parts in a `tokenizer.json`. \throws InputError naming file and field
TokenizerParts load_tokenizer_json(const std::filesystem::path& file);

/// The parts of a GPT-2 or Qwen2 tokenizer from `vocab.json` and `merges.txt` in `directory`.
/// \throws InputError naming file and field, or a tokenizer class that these files do not describe
TokenizerParts load_vocab_and_merges(const std::filesystem::path& directory,
                                     const TokenizerConfig& config);

}  // namespace lensbench
