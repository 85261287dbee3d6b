#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "checkpoint/tokenizer/text/aligned_text.hpp"
#include "core/text/json_reader.hpp"

namespace lensbench {

/// A token of a finished encoding.
struct EncodedToken {
  std::int64_t id;
  Span source;            ///< bytes of the text
  std::string_view form;  ///< its vocabulary form, or what an added token was found as
  bool special = false;   ///< put there by a template
};

/// Adds special tokens around an encoding and tidies its offsets.
class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  /// \param text  valid UTF-8; the sources are offsets in it
  virtual void process(std::vector<EncodedToken>& tokens, std::string_view text,
                       bool add_special_tokens) const = 0;
  /// Special tokens put before and after the text.
  virtual std::vector<std::int64_t> prefix() const { return {}; }
  virtual std::vector<std::int64_t> suffix() const { return {}; }
};

/// The id a special token's name must have, or none if there is no such token.
using TokenLookup = std::function<std::optional<std::int64_t>(std::string_view)>;

/// TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing, Sequence.
/// \throws InputError for any other type, and for a template that names an unknown token
std::unique_ptr<const PostProcessor> read_post_processor(const JsonReader& field,
                                                         const TokenLookup& lookup);

std::unique_ptr<const PostProcessor> template_post_processor(std::vector<std::int64_t> prefix,
                                                             std::vector<std::int64_t> suffix);

/// The frame of RoBERTa: `cls` before and `sep` after the text, white space out of the offsets.
std::unique_ptr<const PostProcessor> roberta_post_processor(std::vector<std::int64_t> cls,
                                                            std::vector<std::int64_t> sep,
                                                            bool trim_offsets,
                                                            bool add_prefix_space);

}  // namespace lensbench
