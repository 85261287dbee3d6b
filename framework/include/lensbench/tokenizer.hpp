#pragma once

#include <cstdint>
#include <filesystem>
#include <lensbench/export.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lensbench {

/// Token ids of a text and the range of bytes of each token.
struct Encoding {
  std::vector<std::int64_t> ids;                             ///< token ids in order
  std::vector<std::pair<std::size_t, std::size_t>> offsets;  ///< [begin, end) in bytes of the text
  std::vector<bool> special;  ///< true if added by the tokenizer's template (BOS, EOS, [CLS], …)
};

/// A Hugging Face tokenizer, read from `tokenizer.json` or from `vocab.json` and `merges.txt`.
/// Ids equal those of the `tokenizers` library. Immutable; may be used from several threads.
class LENSBENCH_API Tokenizer {
 public:
  /// \param directory  a model directory
  /// \return nullptr if the directory does not contain a tokenizer
  /// \throws InputError with file and field for malformed or unsupported content
  static std::shared_ptr<const Tokenizer> open(const std::filesystem::path& directory);

  virtual ~Tokenizer();

  /// \param text  bytes; U+FFFD replaces invalid UTF-8, as in Python's `errors="replace"`
  /// \param add_special_tokens  apply the tokenizer's template (its default BOS and EOS)
  virtual Encoding encode(std::string_view text, bool add_special_tokens = true) const = 0;

  /// Text of a sequence, decoded as a whole (a character may span tokens).
  virtual std::string decode(const std::vector<std::int64_t>& ids,
                             bool skip_special_tokens = false) const = 0;

  /// Display text of one token: the decoded text if it is valid UTF-8, else `\xNN` escapes of the
  /// bytes, and `<id>` for an unknown id. Always valid UTF-8 without NUL; leading spaces are kept.
  virtual std::string token_text(std::int64_t id) const = 0;

  /// Exact bytes that a token represents (` the` for `Ġthe`); empty for an unknown id.
  virtual std::string token_bytes(std::int64_t id) const = 0;

  /// Id of a token by its exact vocabulary form (`Ġthe`, `<|endoftext|>`); empty if unknown.
  virtual std::optional<std::int64_t> id_of(std::string_view token) const = 0;

  /// One more than the largest id, added tokens included.
  virtual std::int64_t size() const = 0;

  /// Id of the BOS token, from the template, `tokenizer_config.json` or `special_tokens_map.json`.
  virtual std::optional<std::int64_t> bos_id() const = 0;
  /// Id of the EOS token, from the files of `bos_id`.
  virtual std::optional<std::int64_t> eos_id() const = 0;
  /// True for tokens that `decode` can skip.
  virtual bool is_special(std::int64_t id) const = 0;

  /// Description in one line, for `model info`: `byte-level BPE, 50257 tokens`.
  virtual std::string description() const = 0;

  /// Files from which this tokenizer was read; the archive stores their hashes.
  virtual std::vector<std::filesystem::path> files() const = 0;
};

/// Id of the single token that a user specifies by an id (`"262"`), a vocabulary form (`"Ġthe"`),
/// or a text that encodes to exactly one token (`" the"`). \throws UsageError if the text is more
/// than one token (the message lists them), or the id is out
///   of range
LENSBENCH_API std::int64_t parse_token(const Tokenizer* tokenizer, std::string_view text,
                                       std::int64_t vocab_size);

}  // namespace lensbench
