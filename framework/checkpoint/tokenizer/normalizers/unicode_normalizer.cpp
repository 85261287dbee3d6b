#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <utility>

#include "checkpoint/tokenizer/normalizers/normalizer.hpp"
#include "checkpoint/tokenizer/text/character_changes.hpp"
#include "core/text/utf8.hpp"

// Unicode normalization (UAX 15) that reports for every new character which old ones it replaces.
// utf8proc alone gives the text without that relation, so decomposition, ordering and composition
// are separate steps here; its tables are used for single characters.

namespace lensbench {
namespace {

/// A character of a decomposition; `change` has the meaning of CharacterChange::change.
struct Unit {
  utf8proc_int32_t character;
  int change;
  int combining_class;
};

// All characters below are unchanged in NFC and NFD.
constexpr utf8proc_int32_t kFirstThatMayChange = 0xC0;
// All characters below are unchanged in NFC.
constexpr utf8proc_int32_t kFirstThatMayChangeComposed = 0x300;

/// Whether a character was assigned after Unicode 9: the reference library does not have the
/// decompositions of such characters.
bool is_too_new(utf8proc_int32_t c) {
  constexpr std::array<std::pair<utf8proc_int32_t, utf8proc_int32_t>, 16> kRanges = {
      {{0x32FF, 0x32FF},
       {0xA7F1, 0xA7F4},
       {0xAB69, 0xAB69},
       {0x105C9, 0x105C9},
       {0x105E4, 0x105E4},
       {0x10781, 0x107BA},
       {0x11383, 0x11391},
       {0x113C5, 0x113C8},
       {0x11938, 0x11938},
       {0x16121, 0x16128},
       {0x16D68, 0x16D6A},
       {0x1CCD6, 0x1CCF9},
       {0x1E030, 0x1E06D},
       {0x1F16C, 0x1F16C},
       {0x1FBF0, 0x1FBF9},
       {0x323B0, 0x33479}}};
  if (c < kRanges.front().first) return false;
  return std::ranges::any_of(
      kRanges, [c](const auto& range) { return range.first <= c && c <= range.second; });
}

/// Full decomposition of each character. The first character of a decomposition replaces the old
/// one, the others count as added.
std::vector<Unit> decompose(std::string_view text, bool compatibility) {
  const auto options =
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | (compatibility ? UTF8PROC_COMPAT : 0));
  std::vector<Unit> units;
  units.reserve(text.size());
  std::array<utf8proc_int32_t, 64> buffer;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Unit unit = read_utf8(text.substr(at));
    const auto character = static_cast<utf8proc_int32_t>(unit.character);
    int boundary = 0;
    at += unit.length;
    // The character remains as it is, as in the reference library.
    if (is_too_new(character)) {
      units.push_back({character, 0, utf8proc_get_property(character)->combining_class});
      continue;
    }
    const auto count =
        utf8proc_decompose_char(character, buffer.data(), buffer.size(), options, &boundary);
    // A negative count is an error of the library, which leaves the character out.
    for (utf8proc_ssize_t i = 0; i < count; ++i)
      units.push_back({buffer[i], i > 0, utf8proc_get_property(buffer[i])->combining_class});
  }
  return units;
}

/// Canonical ordering: sorts each run of combining characters by their class. The sort is stable,
/// since the order of characters of one class has a meaning.
void order_marks(std::vector<Unit>& units) {
  for (auto begin = units.begin(); begin != units.end();) {
    if (begin->combining_class == 0) {
      ++begin;
      continue;
    }
    const auto end =
        std::find_if(begin, units.end(), [](const Unit& u) { return u.combining_class == 0; });
    std::stable_sort(begin, end, [](const Unit& a, const Unit& b) {
      return a.combining_class < b.combining_class;
    });
    begin = end;
  }
}

/// Primary composite of two characters; 0 without one.
utf8proc_int32_t composite(utf8proc_int32_t first, utf8proc_int32_t second) {
  // No composite has a second character below this one.
  if (second < kFirstThatMayChangeComposed) return 0;
  std::array<utf8proc_int32_t, 2> pair = {first, second};
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  return utf8proc_normalize_utf32(pair.data(), 2, options) == 1 ? pair[0] : 0;
}

/// Canonical composition (UAX 15, section 1.3): a character is combined with the last starter
/// unless a character of equal or higher combining class is between them.
std::vector<Unit> compose(const std::vector<Unit>& units) {
  std::vector<Unit> composed;
  composed.reserve(units.size());
  std::ptrdiff_t starter = -1;
  int last_class = -1;  // combining class of the last character after the starter; -1 without one
  for (const Unit& unit : units) {
    if (starter >= 0 && last_class < unit.combining_class) {
      Unit& base = composed[starter];
      // The composed character takes the place of both.
      if (const auto joined = composite(base.character, unit.character)) {
        base.character = joined;
        base.change += unit.change - 1;
        continue;
      }
    }
    composed.push_back(unit);
    last_class = unit.combining_class;
    if (unit.combining_class == 0) {
      starter = static_cast<std::ptrdiff_t>(composed.size()) - 1;
      last_class = -1;
    }
  }
  return composed;
}

class UnicodeNormalizer final : public Normalizer {
 public:
  explicit UnicodeNormalizer(UnicodeForm form)
      : composed_(form == UnicodeForm::nfc || form == UnicodeForm::nfkc),
        compatibility_(form == UnicodeForm::nfkc || form == UnicodeForm::nfkd) {}

  /// The three steps of UAX 15; a text that cannot change is returned at once, because most texts
  /// are ASCII.
  AlignedText normalize(AlignedText text) const override {
    if (is_unchanged(text.text)) return text;
    auto units = decompose(text.text, compatibility_);
    order_marks(units);
    return apply_changes(composed_ ? compose(units) : units, text);
  }

 private:
  bool is_unchanged(std::string_view text) const {
    // Compatibility forms change characters from U+00A0 on, the no-break space.
    const utf8proc_int32_t limit = composed_ && !compatibility_ ? kFirstThatMayChangeComposed
                                   : compatibility_             ? 0xA0
                                                                : kFirstThatMayChange;
    for (std::size_t at = 0; at < text.size();) {
      const Utf8Unit unit = read_utf8(text.substr(at));
      if (static_cast<utf8proc_int32_t>(unit.character) >= limit) return false;
      at += unit.length;
    }
    return true;
  }

  bool composed_;
  bool compatibility_;
};

}  // namespace

std::unique_ptr<const Normalizer> unicode_normalizer(UnicodeForm form) {
  return std::make_unique<UnicodeNormalizer>(form);
}

}  // namespace lensbench
