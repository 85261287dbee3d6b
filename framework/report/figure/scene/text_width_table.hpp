#pragma once

#include <array>
#include <cstdint>

// Widths of characters that labels often have in addition to those of ASCII, in hundredths of the
// size of the font, rounded up: the advance widths in the file of DejaVu Sans, which has most of
// them, or the widths of Helvetica (Adobe's font metrics) where they are larger.

namespace lensbench::figure {

/// U+00A1 to U+017F: letters of the languages of Europe.
constexpr std::array<std::uint8_t, 223> kLatinWidths{
    41, 64, 64, 64, 64, 34, 50, 50, 100, 48, 62, 84, 37, 100, 50,  50, 84,  41,  41, 50, 64, 64, 34,
    50, 41, 48, 62, 97, 97, 97, 54, 69,  69, 69, 69, 69, 69,  100, 73, 67,  67,  67, 67, 30, 30, 30,
    30, 78, 75, 79, 79, 79, 79, 79, 84,  79, 74, 74, 74, 74,  67,  67, 63,  62,  62, 62, 62, 62, 62,
    99, 55, 62, 62, 62, 62, 28, 28, 28,  28, 62, 64, 62, 62,  62,  62, 62,  84,  62, 64, 64, 64, 64,
    60, 64, 60, 69, 62, 69, 62, 69, 62,  73, 55, 73, 55, 73,  55,  73, 55,  78,  64, 78, 64, 67, 62,
    67, 62, 67, 62, 67, 62, 67, 62, 78,  64, 78, 64, 78, 64,  78,  64, 76,  64,  92, 70, 30, 28, 30,
    28, 30, 28, 30, 28, 30, 28, 59, 56,  50, 28, 67, 58, 58,  56,  28, 56,  28,  56, 38, 56, 35, 57,
    29, 75, 64, 75, 64, 75, 64, 82, 75,  64, 79, 62, 79, 62,  79,  62, 107, 103, 73, 42, 73, 42, 73,
    42, 67, 53, 67, 53, 67, 53, 67, 53,  62, 40, 62, 40, 62,  40,  74, 64,  74,  64, 74, 64, 74, 64,
    74, 64, 74, 64, 99, 82, 67, 60, 67,  69, 53, 69, 53, 69,  53,  36};

/// U+0370 to U+03FF: Greek and Coptic.
constexpr std::array<std::uint8_t, 144> kGreekWidths{
    66, 57, 87, 65, 28, 28, 75, 65, 69, 69, 50, 55, 55, 55, 34, 30, 69, 69, 69, 69, 50, 50, 70, 32,
    75, 88, 41, 69, 82, 69, 83, 83, 34, 69, 69, 56, 69, 64, 69, 76, 79, 30, 66, 69, 87, 75, 64, 79,
    76, 61, 69, 64, 62, 62, 79, 69, 79, 77, 30, 62, 66, 55, 64, 34, 58, 66, 64, 60, 62, 55, 55, 64,
    62, 34, 59, 60, 64, 56, 56, 62, 61, 64, 59, 64, 61, 58, 66, 58, 66, 84, 34, 58, 62, 58, 84, 66,
    62, 62, 70, 85, 70, 66, 84, 67, 79, 62, 65, 59, 58, 46, 66, 66, 87, 63, 94, 84, 76, 66, 80, 62,
    69, 61, 77, 63, 70, 62, 62, 54, 67, 64, 55, 28, 79, 62, 62, 61, 64, 70, 87, 66, 64, 71, 70, 71};

/// U+0400 to U+045F: Cyrillic letters of today.
constexpr std::array<std::uint8_t, 96> kCyrillicWidths{
    64,  64,  79,  61, 70, 64, 30,  30, 30, 110, 105, 79, 71, 75, 61, 76, 69, 69, 69, 61,
    79,  64,  108, 65, 75, 75, 71,  76, 87, 76,  79,  76, 61, 70, 62, 61, 87, 69, 78, 69,
    107, 110, 84,  89, 69, 70, 108, 70, 62, 62,  59,  53, 70, 62, 91, 54, 65, 65, 61, 64,
    76,  66,  62,  66, 64, 55, 59,  60, 86, 60,  69,  60, 92, 95, 71, 79, 59, 55, 85, 61,
    62,  62,  63,  53, 55, 53, 28,  28, 28, 91,  90,  66, 61, 65, 60, 66};

/// Signs whose widths within a range are alike: a width that most of them do not exceed.
struct WidthRange {
  char32_t first, last;
  std::uint16_t width;  ///< in thousandths of the size
};
constexpr std::array<WidthRange, 9> kSignWidths{{{0x2014, 0x2015, 1000},   // dashes
                                                 {0x2030, 0x2031, 1736},   // per mille
                                                 {0x20a0, 0x20cf, 1074},   // currencies
                                                 {0x2100, 0x218f, 1020},   // letter-like, fractions
                                                 {0x2190, 0x21ff, 838},    // arrows
                                                 {0x2200, 0x22ff, 872},    // mathematics
                                                 {0x2300, 0x23ff, 838},    // technical
                                                 {0x2500, 0x259f, 770},    // boxes
                                                 {0x25a0, 0x27bf, 945}}};  // shapes, dingbats

}  // namespace lensbench::figure
