#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench::testing {

/// A text of a stranger's archive, and what must come back of it.
struct HostileText {
  std::string bytes;
  /// Without what JSON cannot hold, which becomes U+FFFD: invalid UTF-8 and NUL.
  std::string in_json;
  /// Without what HTML and XML do not allow either: control characters and noncharacters.
  std::string in_markup;
};

/// Draws texts of pieces that break pages which do not escape them. All texts differ.
class HostileTexts {
 public:
  explicit HostileTexts(std::uint64_t seed) : random_(seed) {}

  HostileText draw() { return draw(kPieces.size()); }

  /// A text that a dataset takes: valid UTF-8 without NUL.
  HostileText draw_storable() {
    const auto invalid = std::find_if(kPieces.begin(), kPieces.end(),
                                      [](const Piece& one) { return one.kind == Kind::invalid; });
    return draw(static_cast<std::size_t>(invalid - kPieces.begin()));
  }

 private:
  enum class Kind { valid, not_in_markup, invalid };
  struct Piece {
    std::string_view bytes;
    Kind kind;
  };

  /// A text of the first `known` pieces.
  HostileText draw(std::size_t known) {
    HostileText text;
    const std::string number = std::to_string(drawn_++);
    append(text, {number, Kind::valid});
    // One text of a hundred is longer than any title, cell or line.
    const std::size_t pieces = below(100) == 0 ? 2000 : below(12);
    for (std::size_t i = 0; i < pieces; ++i) append(text, kPieces[below(known)]);
    // What is invalid does not become valid by the text that follows it.
    append(text, {below(2) == 0 ? "." : "</script>", Kind::valid});
    return text;
  }

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_()) % n; }

  static void append(HostileText& text, const Piece& piece) {
    text.bytes += piece.bytes;
    if (piece.kind != Kind::invalid) text.in_json += piece.bytes;
    if (piece.kind == Kind::valid) text.in_markup += piece.bytes;
  }

  // The invalid ones are last. No piece begins with a byte that would complete a cut sequence.
  inline static const std::vector<Piece> kPieces = {
      {"</script>", Kind::valid},
      {"<script>alert(1)</script>", Kind::valid},
      {"</script><img src=x onerror=alert(1)>", Kind::valid},
      {"<!--", Kind::valid},
      {"-->", Kind::valid},
      {"<![CDATA[", Kind::valid},
      {"]]>", Kind::valid},
      {"<?xml ?>", Kind::valid},
      {"</title></style></svg></text></desc>", Kind::valid},
      {"\"", Kind::valid},
      {"'", Kind::valid},
      {"\" onload=\"alert(1)", Kind::valid},
      {"' onload='alert(1)", Kind::valid},
      {"`", Kind::valid},
      {"\\", Kind::valid},
      {"\\u003c", Kind::valid},
      {"\\\"", Kind::valid},
      {"&", Kind::valid},
      {"&lt;", Kind::valid},
      {"&#60;", Kind::valid},
      {"&amp;quot;", Kind::valid},
      {"javascript:alert(1)", Kind::valid},
      {"${x}", Kind::valid},
      {"{{x}}", Kind::valid},
      {"%3Cscript%3E", Kind::valid},
      {"__proto__", Kind::valid},
      {" ", Kind::valid},
      {"\t", Kind::valid},
      {"\n", Kind::valid},
      {"\r", Kind::valid},
      {"\r\n", Kind::valid},
      {"\u00a0", Kind::valid},
      {"\u2028", Kind::valid},
      {"\u2029", Kind::valid},
      {"\u200b", Kind::valid},
      {"\ufeff", Kind::valid},
      {"\u202e", Kind::valid},
      {"\u2066", Kind::valid},
      {"\u2069", Kind::valid},
      {"\u200f", Kind::valid},
      {"\u061c", Kind::valid},
      {"שלום", Kind::valid},
      {"مرحبا", Kind::valid},
      {"本", Kind::valid},
      {"e\u0301\u0301\u0301\u0301\u0301", Kind::valid},
      {"\U0001f600", Kind::valid},
      {"\U0010ffff", Kind::valid},
      {"\u0085", Kind::valid},
      {"\x1b", Kind::not_in_markup},
      {"\x01", Kind::not_in_markup},
      {"\x08", Kind::not_in_markup},
      {"\x0c", Kind::not_in_markup},
      {"\x7f", Kind::not_in_markup},
      {"\xef\xbf\xbe", Kind::not_in_markup},
      {"\xef\xbf\xbf", Kind::not_in_markup},
      {{"\0", 1}, Kind::invalid},
      {"\xff", Kind::invalid},
      {"\xc0\xaf", Kind::invalid},
      {"\xe2\x82", Kind::invalid},
      {"\xed\xa0\x80", Kind::invalid},
      {"\xf4\x90\x80\x80", Kind::invalid},
  };

  std::mt19937_64 random_;
  std::int64_t drawn_ = 0;
};

/// A text without the characters that stand for what could not be shown.
inline std::string without_replacements(std::string text) {
  constexpr std::string_view kReplacement = "\ufffd";
  for (auto at = text.find(kReplacement); at != std::string::npos; at = text.find(kReplacement, at))
    text.erase(at, kReplacement.size());
  std::erase(text, '\0');
  return text;
}

/// Whether a text came back: identical, or without what its form cannot hold.
inline bool came_back(const std::string& found, const std::string& bytes, const std::string& kept) {
  return bytes == kept ? found == bytes : without_replacements(found) == kept;
}

}  // namespace lensbench::testing
