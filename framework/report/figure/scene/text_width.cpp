#include "report/figure/scene/text_width.hpp"

#include <utf8proc.h>

#include <array>
#include <cstdint>
#include <map>
#include <set>

#include "core/text/utf8.hpp"
#include "report/figure/scene/text_width_table.hpp"

namespace lensbench::figure {
namespace {

/// Widths of the characters U+0020 to U+007E in thousandths of the size, in the wider of Helvetica
/// (Adobe's font metrics) and DejaVu Sans (its file), since a viewer shows a figure in the first of
/// its families that is installed.
constexpr std::array<std::uint16_t, 95> kWidths{
    318,  401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337,  // to /
    636,  636, 636, 636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 556,  // to ?
    1015, 684, 686, 722, 770, 667, 611, 778, 752, 295, 500, 667, 557, 863, 748, 787,  // to O
    667,  787, 722, 667, 611, 732, 684, 989, 685, 667, 685, 390, 337, 390, 838, 556,  // to _
    500,  613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612,  // to o
    635,  635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838};

constexpr std::string_view kCut = "\u2026";

/// Letters of other alphabets are about as wide as the capitals of Latin.
constexpr double kUsualLetter = 690;
/// Advance of the pictures of Noto Color Emoji (2,550 of 2,048 units), the widest of the usual
/// ones.
constexpr double kEmoji = 1246;

/// Whether fonts with coloured pictures have one for a character that is two cells wide.
bool is_emoji(utf8proc_int32_t character) {
  const auto kind = utf8proc_get_property(character)->boundclass;
  return kind == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC ||
         (character >= 0x1f300 && character <= 0x1faff);
}

/// Width of a character by the tables; 0 if they lack it.
double tabulated(char32_t character) {
  const auto in = [&](const auto& widths, char32_t first) -> double {
    const bool has = character >= first && character < first + widths.size();
    return has ? 10.0 * widths[character - first] : 0.0;
  };
  if (character >= 0x20 && character <= 0x7e) return kWidths[character - 0x20];
  for (const double width :
       {in(kLatinWidths, 0xa1), in(kGreekWidths, 0x370), in(kCyrillicWidths, 0x400)})
    if (width > 0) return width;
  for (const WidthRange& range : kSignWidths)
    if (character >= range.first && character <= range.last) return range.width;
  return 0;
}

double thousandths(char32_t character) {
  switch (character) {
    case 0xb7:  // the mark of a blank, in Arial, where it is widest
      return 333;
    case 0x2212:  // the minus sign
      return 838;
    case 0x2026:
      return 1000;
    default:
      break;
  }
  const auto code = static_cast<utf8proc_int32_t>(character);
  const int cells = utf8proc_charwidth(code);
  if (cells == 0) return 0;
  if (cells > 1) return is_emoji(code) ? kEmoji : 1000;
  const double width = tabulated(character);
  return width > 0 ? width : kUsualLetter;
}

/// A text without its middle: two fifths of the width are of its beginning.
std::string without_middle(std::string_view text, double size, double width) {
  const std::string front = cut_text(text, size, width * 0.4 + text_width(kCut, size) / 2);
  const double room = width - text_width(front, size);
  for (double rest = text_width(text, size); rest > room && !text.empty();) {
    const Utf8Unit unit = read_utf8(text);
    rest -= thousandths(unit.character) / 1000 * size;
    text.remove_prefix(unit.length);
  }
  return front + std::string(text);
}

}  // namespace

double text_width(std::string_view text, double size) {
  double sum = 0;
  while (!text.empty()) {
    const Utf8Unit unit = read_utf8(text);
    sum += thousandths(unit.character);
    text.remove_prefix(unit.length);
  }
  return sum / 1000 * size;
}

std::string cut_text(std::string_view text, double size, double width) {
  if (text_width(text, size) <= width) return std::string(text);
  double left = width - text_width(kCut, size);
  if (left < 0) return "";
  std::string kept;
  while (!text.empty()) {
    const Utf8Unit unit = read_utf8(text);
    left -= thousandths(unit.character) / 1000 * size;
    if (left < 0) break;
    kept += text.substr(0, unit.length);
    text.remove_prefix(unit.length);
  }
  return kept + std::string(kCut);
}

std::vector<std::string> cut_texts(const std::vector<std::string>& texts, double size,
                                   double width) {
  std::vector<std::string> cut;
  std::map<std::string, std::set<std::string_view>> originals;
  for (const std::string& text : texts) {
    cut.push_back(cut_text(text, size, width));
    originals[cut.back()].insert(text);
  }
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (cut[i] != texts[i] && originals[cut[i]].size() > 1)
      cut[i] = without_middle(texts[i], size, width);
  return cut;
}

bool is_right_to_left(std::string_view text) {
  while (!text.empty()) {
    const Utf8Unit unit = read_utf8(text);
    text.remove_prefix(unit.length);
    switch (utf8proc_get_property(static_cast<utf8proc_int32_t>(unit.character))->bidi_class) {
      case UTF8PROC_BIDI_CLASS_R:
      case UTF8PROC_BIDI_CLASS_AL:
        return true;
      case UTF8PROC_BIDI_CLASS_L:
        return false;
      default:
        break;
    }
  }
  return false;
}

}  // namespace lensbench::figure
