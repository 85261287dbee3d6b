#!/usr/bin/env python3
"""Writes framework/checkpoint/tokenizer/text/character_classes.cpp: classes of characters as Hugging Face
`tokenizers` has them, asked of the library character by character.

    python3 tests/parity/make_character_classes.py && clang-format -i framework/checkpoint/tokenizer/text/character_classes.cpp

Its tables are those of Unicode 8 and 9: characters assigned since belong to none of these classes, so the
Unicode library of the system cannot be asked.
"""
import pathlib

from tokenizers import normalizers, pre_tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHARACTERS = [chr(c) for c in range(0x80, 0x110000) if not 0xD800 <= c < 0xE000]


def removed_by(normalizer):
    return [c for c in CHARACTERS if normalizer.normalize_str(c) == ""]


def bert(**options):
    plain = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**(plain | options))


def isolated_by(pre_tokenizer):
    return [c for c in CHARACTERS if len(pre_tokenizer.pre_tokenize_str(f"a{c}a")) == 3]


def ranges(characters):
    found = []
    for code in map(ord, characters):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return ", ".join(f"{{0x{a:X}, 0x{b:X}}}" for a, b in found), len(found)


CLASSES = {
    "is_invisible": ("kInvisible", removed_by(bert(clean_text=True))),
    "is_nonspacing_mark": ("kNonspacingMarks", removed_by(bert(strip_accents=True))),
    "is_mark": ("kMarks", removed_by(normalizers.StripAccents())),
    "is_punctuation": ("kPunctuation", isolated_by(pre_tokenizers.Punctuation())),
}

ASCII = {
    "is_invisible": "character == 0x7F || (character < 0x20 && character != '\\t' && character != '\\n' && "
                    "character != '\\r')",
    "is_punctuation": "(character >= '!' && character <= '/') || (character >= ':' && character <= '@') || "
                      "(character >= '[' && character <= '`') || (character >= '{' && character <= '~')",
}

HEAD = """// Written by tests/parity/make_character_classes.py.
#include "checkpoint/tokenizer/text/character_classes.hpp"

#include <algorithm>
#include <array>

namespace lensbench {
namespace {

struct CharacterRange {
  char32_t first, last;
};

template <std::size_t Count>
bool holds(const std::array<CharacterRange, Count>& ranges, char32_t character) {
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), character,
      [](char32_t c, const CharacterRange& range) { return c < range.first; });
  return after != ranges.begin() && character <= std::prev(after)->last;
}

"""


def main():
    text = HEAD
    for name, characters in CLASSES.values():
        listed, count = ranges(characters)
        text += f"constexpr std::array<CharacterRange, {count}> {name} = {{{{{listed}}}}};\n\n"
    text += "}  // namespace\n"
    for function, (name, _) in CLASSES.items():
        ascii_part = ASCII.get(function)
        first = f"if (character < 0x80) return {ascii_part}; " if ascii_part else ""
        text += f"\nbool {function}(char32_t character) {{ {first}return holds({name}, character); }}\n"
    text += "\n}  // namespace lensbench\n"
    (ROOT / "framework/checkpoint/tokenizer/text/character_classes.cpp").write_text(text)


if __name__ == "__main__":
    main()
