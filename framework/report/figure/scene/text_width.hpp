#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lensbench::figure {

/// Width of a text in points. A text of ASCII is not wider in any family of a figure: its width is
/// by the published widths of Helvetica, which Arial, Liberation Sans and Nimbus Sans share, or of
/// DejaVu Sans, whichever is wider. So are the letters of Latin, Greek and Cyrillic. East Asian
/// wide characters have the width of their size, emoji a quarter more; other characters a usual
/// width, which some of them exceed.
/// \param text  from `visible`
/// \param size  size of the font in points
double text_width(std::string_view text, double size);

/// Text cut between characters to at most `width` points; a cut text ends in `…`. Empty if not even
/// the mark fits.
std::string cut_text(std::string_view text, double size, double width);
/// Texts of one axis, each cut to a width. Where different texts become equal, they lose their
/// middle in place of their end.
std::vector<std::string> cut_texts(const std::vector<std::string>& texts, double size,
                                   double width);

/// Whether the first character with a direction is written from right to left.
bool is_right_to_left(std::string_view text);

}  // namespace lensbench::figure
