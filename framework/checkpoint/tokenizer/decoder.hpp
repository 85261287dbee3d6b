#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/text/json_reader.hpp"

namespace lensbench {

/// Turns tokens back into text.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Rewrites the tokens of a whole text; joined, they are the text.
  virtual void decode(std::vector<std::string>& tokens) const = 0;
  /// The bytes one token stands for, wherever it stands.
  virtual std::string token_bytes(std::string token) const = 0;
};

/// ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, BPEDecoder, WordPiece,
/// Sequence.
/// \throws InputError for any other type
std::unique_ptr<const Decoder> read_decoder(const JsonReader& field);

std::unique_ptr<const Decoder> byte_level_decoder();
std::unique_ptr<const Decoder> wordpiece_decoder();

}  // namespace lensbench
