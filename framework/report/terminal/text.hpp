#pragma once

#include <initializer_list>
#include <lensbench/export.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench::terminal {

/// How characters that have no shape of their own are shown.
enum class Blanks {
  kept,    ///< running text: a space stays a space
  marked,  ///< a token: space `·`, newline `⏎`, tab `⇥`
};

/// Text fit for a terminal: valid UTF-8 in which every character has a known width. Control and
/// format characters, bidirectional overrides, private use and invalid bytes become `\xNN` or
/// `\u{NNNN}`, so no escape sequence survives; a combining mark with nothing to sit on gets a
/// dotted circle, and no more than two sit on one character. \param unicode  false: everything
/// beyond ASCII is escaped too
LENSBENCH_API std::string visible(std::string_view text, Blanks blanks, bool unicode = true);

/// Cells that a text from `visible` fills. East-Asian wide characters fill two.
LENSBENCH_API int display_width(std::string_view text);

/// Cut to at most `width` cells, between characters; what is cut ends in `…` (`~` without unicode).
LENSBENCH_API std::string shorten(std::string_view text, int width, bool unicode = true);

enum class Align { left, right };
/// Exactly `width` cells: shortened, or filled with spaces.
LENSBENCH_API std::string fit(std::string_view text, int width, Align align, bool unicode = true);

/// Parts one after the other.
LENSBENCH_API std::string cat(std::initializer_list<std::string_view> parts);

/// Words on lines of at most `width` cells, continuation lines after `indent` spaces.
LENSBENCH_API std::vector<std::string> wrap(std::string_view text, int width, int indent = 0,
                                            bool unicode = true);

}  // namespace lensbench::terminal
