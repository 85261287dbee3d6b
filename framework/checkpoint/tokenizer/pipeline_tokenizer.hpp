#pragma once

#include <filesystem>
#include <lensbench/tokenizer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/tokenizer/added_tokens.hpp"
#include "checkpoint/tokenizer/decoder.hpp"
#include "checkpoint/tokenizer/models/token_model.hpp"
#include "checkpoint/tokenizer/normalizers/normalizer.hpp"
#include "checkpoint/tokenizer/post_processor.hpp"
#include "checkpoint/tokenizer/splitting/pre_tokenizer.hpp"

namespace lensbench {

/// Parts of a tokenizer in the order of processing; null for parts that a tokenizer does not have.
struct TokenizerParts {
  std::unique_ptr<const Normalizer> normalizer;
  std::unique_ptr<const PreTokenizer> pre_tokenizer;
  std::unique_ptr<const TokenModel> model;
  std::unique_ptr<const AddedTokens> added;  ///< never null
  std::unique_ptr<const PostProcessor> post_processor;
  std::unique_ptr<const Decoder> decoder;
  std::optional<std::int64_t> bos_id, eos_id;
  std::vector<std::filesystem::path> files;
};

/// A tokenizer composed of parts, as in the `tokenizers` library.
class PipelineTokenizer final : public Tokenizer {
 public:
  explicit PipelineTokenizer(TokenizerParts parts) : parts_(std::move(parts)) {}

  Encoding encode(std::string_view text, bool add_special_tokens) const override;
  std::string decode(const std::vector<std::int64_t>& ids, bool skip_special_tokens) const override;
  std::string token_text(std::int64_t id) const override;
  std::string token_bytes(std::int64_t id) const override;
  std::optional<std::int64_t> id_of(std::string_view token) const override;
  std::int64_t size() const override;
  std::optional<std::int64_t> bos_id() const override { return parts_.bos_id; }
  std::optional<std::int64_t> eos_id() const override { return parts_.eos_id; }
  bool is_special(std::int64_t id) const override;
  std::string description() const override;
  std::vector<std::filesystem::path> files() const override { return parts_.files; }

 private:
  Pieces split(std::string_view text) const;
  std::vector<EncodedToken> tokenize(const Pieces& pieces) const;
  bool knows(std::int64_t id) const;
  std::string_view form_of(std::int64_t id) const;

  TokenizerParts parts_;
};

}  // namespace lensbench
