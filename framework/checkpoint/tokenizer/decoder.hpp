#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/text/json_reader.hpp"

namespace lensbench {

/// Converts tokens to text.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Rewrites the tokens of a whole text; their concatenation is the text.
  virtual void decode(std::vector<std::string>& tokens) const = 0;
  /// Bytes that one token represents, independent of its position.
  virtual std::string token_bytes(std::string token) const = 0;
};

/// Reads a decoder of type ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, BPEDecoder,
/// WordPiece or Sequence.
/// \throws InputError for any other type
std::unique_ptr<const Decoder> read_decoder(const JsonReader& field);

std::unique_ptr<const Decoder> byte_level_decoder();
std::unique_ptr<const Decoder> wordpiece_decoder();

}  // namespace lensbench
