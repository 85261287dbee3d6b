#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <lensbench/export.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

class Model;

/// A picture or a video as the vision tower of a model reads it.
struct PictureRows {
  /// [patch, colour * frame * y * x] float32, normalised pixels of each patch: token by token, row
  /// by row; inside a token row by row as well (`pixel_values` in transformers).
  at::Tensor rows;
  std::int64_t frames = 1;  ///< pairs of frames; 1 for a picture
  std::int64_t height = 0;  ///< patches from top to bottom
  std::int64_t width = 0;   ///< patches from left to right
  double seconds = 1.0;     ///< of a video: time from one pair of frames to the next
};

/// Token ids of one sequence, as the model reads them.
struct Tokens {
  std::vector<std::int64_t>
      ids;  ///< token ids in order, including special tokens that the tokenizer added
  std::vector<std::string> texts;  ///< display text of each id; `<17>` without a tokenizer
  std::string text;                ///< the prompt; empty if ids were given
  bool bos_added = false;          ///< the tokenizer added ids[0]; it is not part of the prompt
  /// Pictures and videos in their order; `ids` has one placeholder for each of their tokens.
  std::vector<PictureRows> pictures = {};

  /// Number of tokens.
  std::int64_t size() const { return static_cast<std::int64_t>(ids.size()); }
};

/// Sequences of different length as one padded tensor. Positions count real tokens from 0, so
/// padding does not change results. Model outputs at padded positions are meaningless.
struct TokenBatch {
  at::Tensor ids;   ///< [batch, pos] int64
  at::Tensor mask;  ///< [batch, pos] bool, true at real tokens; undefined when all are real

  /// [batch, pos] int64, segment type of each token (BERT); undefined: all 0.
  at::Tensor types = {};

  /// Pictures of each row, in the order of their placeholders; empty: no row has any.
  std::vector<std::vector<PictureRows>> pictures = {};

  std::int64_t batch_size() const { return ids.size(0); }  ///< number of sequences
  std::int64_t length() const { return ids.size(1); }      ///< number of columns, padding included
};

/// Batch of one sequence. \throws UsageError if it is empty.
LENSBENCH_API TokenBatch make_batch(const Tokens& tokens);
/// Batch of several sequences, padded on the left with id 0. \throws UsageError if one is empty.
LENSBENCH_API TokenBatch make_batch(const std::vector<Tokens>& sequences);

/// Tokens of a text. Special tokens are by default those of the tokenizer's own rule, its template:
/// most tokenizers of the Llama line add a BOS, that of GPT-2 adds nothing. TransformerLens instead
/// prepends a BOS by default; `prepend_bos` true does that.
/// \param model        model whose tokenizer is used
/// \param text         the text
/// \param prepend_bos  unset: the tokenizer's rule; true: a BOS first, even if the rule lacks it;
///   false: not the BOS of the rule. Other tokens of the rule ([SEP], EOS) stay in each case
/// \throws UsageError if the model lacks a tokenizer, the tokenizer a BOS that was asked for, or
/// the
///   text gives no tokens
/// \throws InputError for a tokenizer that cannot be read or gives an id outside the embedding
LENSBENCH_API Tokens to_tokens(const Model& model, std::string_view text,
                               std::optional<bool> prepend_bos = std::nullopt);
/// Tokens of the given ids, nothing added. \throws UsageError for an id outside the vocabulary.
LENSBENCH_API Tokens tokens_from_ids(const Model& model, std::vector<std::int64_t> ids);

/// Display text of each token of `to_tokens` (`Tokenizer::token_text`).
/// \throws as `to_tokens`
LENSBENCH_API std::vector<std::string> to_str_tokens(
    const Model& model, std::string_view text, std::optional<bool> prepend_bos = std::nullopt);
/// Display text of each id; `<17>` without a tokenizer.
/// \throws UsageError for an id outside the vocabulary
LENSBENCH_API std::vector<std::string> to_str_tokens(const Model& model,
                                                     const std::vector<std::int64_t>& ids);

/// Id of a text that is exactly one token; `parse_token` also reads ids and vocabulary forms.
/// \throws UsageError for a text of several tokens, which are listed, and as `to_tokens`
LENSBENCH_API std::int64_t to_single_token(const Model& model, std::string_view text);

}  // namespace lensbench
