#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// Range [begin, end) in bytes.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const Span&) const = default;
};

/// Text (valid UTF-8) after rewriting, with the range of the original text that each byte
/// represents.
struct AlignedText {
  std::string text;
  std::vector<Span> source;  ///< one per byte of `text`; equal for all bytes of a character

  /// Text without changes: each character represents itself.
  static AlignedText from(std::string_view text);

  void append(const AlignedText& other, Span range);
  /// Appends characters that represent the range `origin` of the original text.
  void append(char32_t character, Span origin);
  void append(std::string_view characters, Span origin);

  /// Range of the original text that a range represents. An empty range gives an empty range at the
  /// corresponding position.
  Span source_of(Span range) const;
};

inline constexpr std::int64_t kNoToken = -1;

/// A part of a text: text that will be split further, or an added token.
struct Piece {
  Span range;                     ///< range in the body
  std::int64_t token = kNoToken;  ///< id of the added token, which is never split further
};

struct Pieces {
  AlignedText body;
  std::vector<Piece> parts;

  std::string_view text_of(const Piece& piece) const {
    return std::string_view(body.text).substr(piece.range.begin,
                                              piece.range.end - piece.range.begin);
  }
};

/// Replaces each part that is not a token by the parts that `split(text, add)` adds. Empty parts
/// are dropped.
template <class Split>
void split_parts(Pieces& pieces, Split split) {
  std::vector<Piece> parts;
  parts.reserve(pieces.parts.size());
  for (const Piece& piece : pieces.parts) {
    if (piece.token != kNoToken) {
      parts.push_back(piece);
      continue;
    }
    split(pieces.text_of(piece), [&](Span range, std::int64_t token = kNoToken) {
      if (range.begin == range.end) return;
      parts.push_back({{piece.range.begin + range.begin, piece.range.begin + range.end}, token});
    });
  }
  pieces.parts = std::move(parts);
}

/// Rewrites each part that is not a token: `rewrite(old_body, range, new_body)` appends its new
/// form. Empty parts are dropped.
template <class Rewrite>
void rewrite_parts(Pieces& pieces, Rewrite rewrite) {
  Pieces rewritten;
  rewritten.body.text.reserve(pieces.body.text.size());
  rewritten.body.source.reserve(pieces.body.source.size());
  rewritten.parts.reserve(pieces.parts.size());
  for (const Piece& piece : pieces.parts) {
    const std::size_t begin = rewritten.body.text.size();
    if (piece.token != kNoToken)
      rewritten.body.append(pieces.body, piece.range);
    else
      rewrite(pieces.body, piece.range, rewritten.body);
    const std::size_t end = rewritten.body.text.size();
    if (end > begin) rewritten.parts.push_back({{begin, end}, piece.token});
  }
  pieces = std::move(rewritten);
}

}  // namespace lensbench
