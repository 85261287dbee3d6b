#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench {

/// [begin, end) in bytes.
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const Span&) const = default;
};

/// Valid UTF-8 that may have been rewritten, and for each byte the bytes of the original text it
/// stands for.
struct AlignedText {
  std::string text;
  std::vector<Span> source;  ///< one per byte of `text`; every byte of a character has the same

  /// The text as it is: each character stands for itself.
  static AlignedText from(std::string_view text);

  void append(const AlignedText& other, Span range);
  /// A character that stands for `origin`.
  void append(char32_t character, Span origin);
  void append(std::string_view characters, Span origin);

  /// Original bytes of a range. An empty range stands for nothing at its own place.
  Span source_of(Span range) const;
};

inline constexpr std::int64_t kNoToken = -1;

/// A part of a text on its way to the model: text still to be split, or an added token found in it.
struct Piece {
  Span range;                     ///< in the body
  std::int64_t token = kNoToken;  ///< id of the added token, which nothing splits further
};

struct Pieces {
  AlignedText body;
  std::vector<Piece> parts;

  std::string_view text_of(const Piece& piece) const {
    return std::string_view(body.text).substr(piece.range.begin,
                                              piece.range.end - piece.range.begin);
  }
};

/// Replaces each part that is not a token by the parts `split(text, add)` adds; empty ones vanish.
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
/// form. Parts that become empty vanish.
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
