#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace lensbench::terminal {

/// Display of blank characters.
enum class Blanks {
  kept,    ///< a space remains a space, for running text
  marked,  ///< space `·`, newline `⏎`, tab `⇥`, for tokens
};

/// Text that is safe for a terminal: valid UTF-8 in which every character has a known width.
/// Control and format characters, bidirectional overrides, private use and invalid bytes become
/// `\xNN` or `\u{NNNN}`, so that escape sequences are inactive. A combining mark without a base
/// character gets a dotted circle, and a character has at most two marks.
/// \param unicode  if false, characters outside ASCII are escaped too
std::string visible(std::string_view text, Blanks blanks, bool unicode = true);

/// Number of cells that a text from `visible` fills; East Asian wide characters fill two.
int display_width(std::string_view text);

/// Text cut between characters to at most `width` cells; a cut text ends in `…` (`~` without
/// unicode).
std::string shorten(std::string_view text, int width, bool unicode = true);

enum class Align { left, right };
/// Text of exactly `width` cells, shortened or padded with spaces.
std::string fit(std::string_view text, int width, Align align, bool unicode = true);

/// Concatenation of texts.
std::string cat(std::initializer_list<std::string_view> parts);

/// Lines of at most `width` cells, broken between words; continuation lines begin with `indent`
/// spaces.
std::vector<std::string> wrap(std::string_view text, int width, int indent = 0,
                              bool unicode = true);

}  // namespace lensbench::terminal
