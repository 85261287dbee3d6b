#include <openssl/evp.h>
#include <utf8proc.h>

#include <optional>

#include "checkpoint/tokenizer/normalizers/normalizer.hpp"
#include "checkpoint/tokenizer/text/character_changes.hpp"
#include "core/text/utf8.hpp"

// Normalization by a table that SentencePiece compiled. The file contains the table in binary form,
// so every index from it is checked before it is used.

namespace lensbench {
namespace {

/// Bytes of a base64 text. Its padding is 0 to 2 characters, which the decoder counts as bytes.
std::string decode_base64(const JsonReader& field) {
  constexpr const char* kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string& text = field.string();
  if (text.size() % 4 != 0) field.fail("is not base64: its length is not a multiple of 4");
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  // OpenSSL accepts white space at both ends, so the characters are checked first.
  if (text.find_first_not_of(kDigits) < text.size() - padding)
    field.fail("is not base64: it has a character that is not one of its digits");
  std::string bytes(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length < 0) field.fail("is not base64");
  bytes.resize(static_cast<std::size_t>(length) - padding);
  return bytes;
}

std::uint32_t little_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

/// Table of a SentencePiece normalizer: a double-array trie (darts-clone) of 32-bit units, which
/// maps strings to offsets in `texts_`, where replacements end with NUL.
class Charsmap {
 public:
  explicit Charsmap(const JsonReader& field) {
    const std::string bytes = decode_base64(field);
    // The first four bytes are the size of the trie; the replacements follow it.
    const std::size_t size = bytes.size() < 4 ? 0 : little_endian(bytes);
    if (size == 0 || size % 4 != 0 || size > bytes.size() - 4)
      field.fail("is not a double array: its size does not fit the data");
    for (std::size_t at = 4; at < size + 4; at += 4)
      units_.push_back(little_endian(std::string_view(bytes).substr(at)));
    texts_ = bytes.substr(size + 4);
    // Checked once as a whole, so that every part between characters is valid.
    if (valid_utf8_prefix(texts_) != texts_.size())
      field.fail("the replacements are not valid UTF-8");
  }

  /// Replacement of the shortest entry at the start of `text`, which the caller uses for the whole
  /// text, as the reference library does.
  std::optional<std::string_view> replacement(std::string_view text) const {
    // A unit has the label of the edge to it, the offset to its children and a bit for an entry;
    // children are at (node ^ offset ^ byte), as darts-clone defines it.
    std::size_t node = offset(units_[0]);
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      node ^= byte;
      // Damaged tables may lead to any unit, so the index and the label are compared.
      if (byte == 0 || node >= units_.size() || label(units_[node]) != byte) return std::nullopt;
      const std::uint32_t unit = units_[node];
      node ^= offset(unit);
      // Bit 8: the text up to here is an entry, whose value is the unit at the offset itself.
      if ((unit >> 8 & 1) == 0) continue;
      return node < units_.size() ? text_at(units_[node] & 0x7FFFFFFF) : std::nullopt;
    }
    return std::nullopt;
  }

 private:
  /// Label of a unit; bit 31 marks a value, which no byte is equal to.
  static std::uint32_t label(std::uint32_t unit) { return unit & (1u << 31 | 0xFF); }
  /// Offset of a unit: 21 bits, shifted by 8 if bit 9 is set.
  static std::size_t offset(std::uint32_t unit) {
    return std::size_t{unit >> 10} << ((unit & 1u << 9) >> 6);
  }

  /// Replacement at an offset; nothing for an offset outside of the texts or within a character.
  std::optional<std::string_view> text_at(std::size_t begin) const {
    const bool inside_character =
        begin < texts_.size() && (static_cast<unsigned char>(texts_[begin]) & 0xC0) == 0x80;
    if (begin > texts_.size() || inside_character) return std::nullopt;
    const std::size_t end = std::min(texts_.find('\0', begin), texts_.size());
    return std::string_view(texts_).substr(begin, end - begin);
  }

  std::vector<std::uint32_t> units_;
  std::string texts_;
};

int count_characters(std::string_view text) {
  int count = 0;
  for (std::size_t at = 0; at < text.size(); at += utf8_length(text[at])) ++count;
  return count;
}

/// New text with the relation of its characters to those of the old text.
class Rewriting {
 public:
  void keep(char32_t character) { changes_.push_back({character, 0}); }

  /// Replaces `before` by `after`. Of a longer text, the last characters count as added; of a
  /// shorter text, the last character consumes the rest of `before`.
  void replace(std::string_view before, std::string_view after) {
    changed_ = true;
    for (std::size_t at = 0; at < after.size();) {
      const Utf8Unit unit = read_utf8(after.substr(at));
      keep(unit.character);
      at += unit.length;
    }
    const int difference = count_characters(after) - count_characters(before);
    for (int i = 0; i < difference; ++i) changes_[changes_.size() - 1 - i].change = 1;
    if (difference < 0 && !changes_.empty()) changes_.back().change += difference;
  }

  bool changed() const { return changed_; }
  const std::vector<CharacterChange>& changes() const { return changes_; }

 private:
  std::vector<CharacterChange> changes_;
  bool changed_ = false;
};

/// Clusters and not characters are looked up, since an entry may have several characters, such as a
/// letter with its accent.
class Precompiled final : public Normalizer {
 public:
  explicit Precompiled(const JsonReader& field) : charsmap_(field) {}

  AlignedText normalize(AlignedText text) const override {
    Rewriting rewriting;
    const std::string_view all = text.text;
    for (std::size_t begin = 0; begin < all.size();) {
      const std::size_t end = grapheme_end(all, begin);
      rewrite(all.substr(begin, end - begin), rewriting);
      begin = end;
    }
    // A text without a change keeps its alignment as it is.
    return rewriting.changed() ? apply_changes(rewriting.changes(), text) : text;
  }

 private:
  /// End of the extended grapheme cluster (UAX 29) that starts at `begin`.
  /// utf8proc keeps the state of the cluster between calls, for flags and emoji of several
  /// characters.
  static std::size_t grapheme_end(std::string_view text, std::size_t begin) {
    Utf8Unit unit = read_utf8(text.substr(begin));
    std::size_t end = begin + unit.length;
    utf8proc_int32_t state = 0;
    while (end < text.size()) {
      const Utf8Unit next = read_utf8(text.substr(end));
      if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(unit.character),
                                           static_cast<utf8proc_int32_t>(next.character), &state))
        break;
      end += next.length;
      unit = next;
    }
    return end;
  }

  /// Rewrites a short cluster as a whole if the table has it, else each of its characters.
  void rewrite(std::string_view cluster, Rewriting& rewriting) const {
    // Length in bytes up to which the reference library looks a cluster up as a whole.
    constexpr std::size_t kLongestCluster = 5;
    if (cluster.size() <= kLongestCluster) {
      if (const auto text = charsmap_.replacement(cluster)) {
        rewriting.replace(cluster, *text);
        return;
      }
    }
    for (std::size_t at = 0; at < cluster.size();) {
      const Utf8Unit unit = read_utf8(cluster.substr(at));
      const std::string_view character = cluster.substr(at, unit.length);
      if (const auto text = charsmap_.replacement(character))
        rewriting.replace(character, *text);
      else
        rewriting.keep(unit.character);
      at += unit.length;
    }
  }

  Charsmap charsmap_;
};

}  // namespace

std::unique_ptr<const Normalizer> read_precompiled_normalizer(const JsonReader& charsmap) {
  return std::make_unique<Precompiled>(charsmap);
}

}  // namespace lensbench
