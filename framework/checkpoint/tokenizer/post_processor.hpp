#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "checkpoint/tokenizer/text/aligned_text.hpp"
#include "core/text/json_reader.hpp"

namespace lensbench {

/// A token of an encoding.
struct EncodedToken {
  std::int64_t id;
  Span source;            ///< range of bytes in the text
  std::string_view form;  ///< vocabulary form; for an added token, the text that was searched
  bool special = false;   ///< true if a template added it
};

/// Adds special tokens to an encoding and adjusts its offsets.
class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  /// \param text  valid UTF-8, to which the sources of the tokens refer
  virtual void process(std::vector<EncodedToken>& tokens, std::string_view text,
                       bool add_special_tokens) const = 0;
  /// Special tokens before (prefix) and after (suffix) the text.
  virtual std::vector<std::int64_t> prefix() const { return {}; }
  virtual std::vector<std::int64_t> suffix() const { return {}; }
};

/// Function from the name of a special token to its id; empty for an unknown name.
using TokenLookup = std::function<std::optional<std::int64_t>(std::string_view)>;

/// Reads a post-processor of type TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing
/// or Sequence. \throws InputError for any other type, and for a template with an unknown token
std::unique_ptr<const PostProcessor> read_post_processor(const JsonReader& field,
                                                         const TokenLookup& lookup);

std::unique_ptr<const PostProcessor> template_post_processor(std::vector<std::int64_t> prefix,
                                                             std::vector<std::int64_t> suffix);

/// Post-processor of RoBERTa: `cls` before and `sep` after the text; with `trim_offsets`, offsets
/// exclude white space.
std::unique_ptr<const PostProcessor> roberta_post_processor(std::vector<std::int64_t> cls,
                                                            std::vector<std::int64_t> sep,
                                                            bool trim_offsets,
                                                            bool add_prefix_space);

}  // namespace lensbench
